#!/bin/sh
# Puts a plan into one note of a merge request: made the first time, updated every time after.
#   sh comment-gitlab.sh plan.md        in a job of a merge request, with COMMENT_TOKEN in the environment
# The note is known by the first line of the plan, a marker that names the controller_id.
set -eu
plan=$1
marker=$(head -n 1 "$plan")
notes="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
ask() {
  curl --silent --show-error --fail --header "PRIVATE-TOKEN: $COMMENT_TOKEN" "$@"
}
page=1
id=
while [ -z "$id" ]; do
  found=$(ask "$notes?per_page=100&page=$page")
  id=$(printf '%s' "$found" | jq -r --arg marker "$marker" 'map(select(.body | startswith($marker)))[0].id // empty')
  [ "$(printf '%s' "$found" | jq length)" -lt 100 ] && break
  page=$((page + 1))
done
if [ -n "$id" ]; then
  ask --output /dev/null --request PUT --data-urlencode "body@$plan" "$notes/$id"
else
  ask --output /dev/null --request POST --data-urlencode "body@$plan" "$notes"
fi
