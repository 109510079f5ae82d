# Everything that cofre does with a bucket. DATABASE_URL, RESTORED and a BACKUP_DIRECTORY on S3 are set.
cofre doctor
cofre create --name one
cofre create --name two
cofre list
cofre validate one.dump two.dump
cofre validate --retag one.dump
cofre restore one.dump --to "$RESTORED"
cofre download one.dump --output "$TMPDIR"
curl --silent --show-error --fail --output "$TMPDIR/two.dump" "$(cofre url --quiet two.dump)"
cmp "$TMPDIR/two.dump" <(cofre download two.dump --force --output "$TMPDIR/again.dump" >/dev/null && cat "$TMPDIR/again.dump")
cofre cleanup
cofre delete --yes one.dump
# One that fails in the middle: its upload is aborted, and others are looked for. Nothing of it may be left.
! BACKUP_MAX_SIZE_GB=0.00001 cofre create --name three --compression none
# Doctor tells of the failure, and of nothing else.
cofre doctor --json | jq --exit-status '[.checks[] | select(.result != "ok" and (.name | startswith("source ") | not))] == []'
