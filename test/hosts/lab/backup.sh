#!/bin/sh
# What the runbook's CronJob does with a snapshot: encrypts it and copies it into the bucket.
# usage: backup.sh SNAPSHOT NAME PASSPHRASE-FILE REMOTE-FOLDER
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gpg --homedir "$work" --batch --yes --pinentry-mode loopback --passphrase-file "$3" \
  --symmetric --cipher-algo AES256 --output "$work/$2.gpg" "$1"
[ -z "${4:-}" ] || rclone copy --quiet "$work/$2.gpg" "$4"
[ -n "${4:-}" ] || cat "$work/$2.gpg"
