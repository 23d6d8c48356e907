"""`python -m tests.cluster`: the fake API server as a process until it is told to end. Prints a line once it serves."""

import argparse
import signal
from pathlib import Path

import yaml

from tests.cluster.server import FakeCluster


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for any that is free")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="where to write the file that leads to it")
    parser.add_argument("--crd", type=Path, action="append", default=[], help="a CRD to begin with")
    options = parser.parse_args()
    crds = [document for path in options.crd for document in yaml.safe_load_all(path.read_text()) if document]
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with FakeCluster(port=options.port, kubeconfig=options.kubeconfig, crds=crds) as cluster:
        print(f"serving on {cluster.url}", flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
