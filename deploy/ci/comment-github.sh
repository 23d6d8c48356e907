#!/bin/sh
# Puts a plan into one comment of a pull request: made the first time, updated every time after.
#   sh comment-github.sh plan.md        with GITHUB_REPOSITORY, NUMBER and GH_TOKEN in the environment
# The comment is known by the first line of the plan, a marker that names the controller_id.
set -eu
plan=$1
marker=$(head -n 1 "$plan")
comments="repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments"
id=$(gh api --paginate "$comments" --jq '.[] | [.id, (.body | split("\n")[0] | rtrimstr("\r"))] | @tsv' |
  awk -F '\t' -v marker="$marker" '$2 == marker { print $1; exit }')
if [ -n "$id" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" --field "body=@$plan"
else
  gh api --silent --method POST "$comments" --field "body=@$plan"
fi
