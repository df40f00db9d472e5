/**
 * Small shell programs that we place on a node under `/var/lib/blackstart/<run>/`, where a person can read and run them too.
 * Plain POSIX sh; they take everything as arguments, delete nothing and say what they do.
 */

/** Copies paths with their full names under a directory; what does not exist is left out. */
export const SAVE_SCRIPT = `#!/bin/sh
# Placed by blackstart. Copies files and directories with their full paths under one directory.
# usage: save.sh DIRECTORY PATH...
umask 077
directory=$1
shift
mkdir -p "$directory" || exit 1
for path in "$@"; do
  if [ -e "$path" ]; then
    mkdir -p "$directory$(dirname "$path")" || exit 1
    cp -a --reflink=auto -T "$path" "$directory$path" || exit 1
    echo "saved $path"
  else
    echo "not there: $path"
  fi
done
sync
echo "safety copy complete"
`;

/**
 * Puts a server back to what it was before a reset: the database that K3s moved aside (or the safety copy's own), and token, credentials and
 * certificates from the safety copy, because a reset with a wrong token has rewritten them (R12, facts 9 rule 6).
 * What is in the way is moved aside, never deleted.
 */
export const PUT_BACK_SCRIPT = `#!/bin/sh
# Placed by blackstart. Puts a K3s server back to what it was before a reset. Run it only while K3s is stopped.
# usage: put-back.sh SERVER_DIRECTORY SAFETY_COPY ORIGINAL_DATABASE STAMP
server=$1
safety=$2
original=$3
stamp=$4
aside() {
  if [ -e "$1" ]; then
    mv -T "$1" "$1.$stamp" || exit 1
    echo "moved aside $1.$stamp"
  fi
}
if [ "$original" != - ]; then
  if [ ! -d "$original" ]; then
    echo "not there: $original; nothing was changed"
    exit 1
  fi
  if [ "$original" = "$safety$server/db/etcd" ]; then
    # The copy stays, so it is copied once more, beside the place first: a full disk then leaves everything as it is.
    cp -a --reflink=auto -T "$original" "$server/db/etcd.put-back" || exit 1
    original=$server/db/etcd.put-back
  fi
  aside "$server/db/etcd"
  mv -T "$original" "$server/db/etcd" || exit 1
  echo "put back $server/db/etcd"
fi
for name in token cred tls; do
  if [ -e "$safety$server/$name" ]; then
    aside "$server/$name"
    cp -a --reflink=auto -T "$safety$server/$name" "$server/$name" || exit 1
    echo "put back $server/$name"
  fi
done
aside "$server/db/reset-flag"
sync
echo "put back complete"
`;

/** Where a run keeps its papers on a node. */
export const runDir = (run: string): string => `/var/lib/blackstart/${run}`;

/** Secrets of a run on a node: memory only, gone with a reboot, removed after use. */
export const secretDir = (run: string): string => `/run/blackstart-${run}`;
