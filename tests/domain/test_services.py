"""One table of services, read both ways."""

from controller.domain.services import SERVICES, aws_name_of, service_of


def test_a_name_that_people_are_shown_leads_to_awss() -> None:
    for one in SERVICES:
        assert aws_name_of(one.name) == one.aws_name
        assert aws_name_of(one.aws_name) == one.aws_name


def test_awss_name_leads_to_the_first_of_ours() -> None:
    assert service_of("Amazon Simple Storage Service").name == "S3 Storage"
    assert service_of("AWS Data Transfer").name == "Data Transfer"
    assert (service_of("Amazon FSx").name, service_of("Amazon FSx").part) == ("FSx Lustre", "other")


def test_a_service_that_is_not_in_the_table_keeps_its_name() -> None:
    found = service_of("Amazon Braket")
    assert (found.name, found.part, found.aws_name) == ("Amazon Braket", "other", "Amazon Braket")
    assert aws_name_of("Amazon Braket") == "Amazon Braket"


def test_names_that_people_are_shown_are_unique() -> None:
    names = [service.name for service in SERVICES]
    assert len(names) == len(set(names))
