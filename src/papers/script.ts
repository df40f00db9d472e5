import { createHash } from 'node:crypto';
import { HOME, LOCK_DIR } from './places.js';

/**
 * The lock on a server, as a small program that stands there: a directory, since `mkdir` either makes it or fails. A stale lock is
 * broken from within (a directory in it, again by `mkdir`), so that of two who break it one wins, and nobody breaks the lock that
 * took its place. Ages are told by the server's own clock.
 *
 * Answers: `ours`, `none`, or `held` followed by what {@link SHOW} prints.
 */
const SHOW = [
  'show() {',
  '[ -d "$lock" ] || { echo none; return; };',
  'echo held;',
  `cat "$lock/owner" 2>/dev/null || echo '{}';`,
  'stat -c %Y "$lock/owner" 2>/dev/null || stat -c %Y "$lock" || echo 0;',
  'stat -c %Y "$lock/beat" 2>/dev/null || stat -c %Y "$lock" || echo 0;',
  'date +%s; };',
].join(' ');

export const LOCK_SCRIPT = `#!/bin/sh
# Placed by blackstart. Only one console at a time may act on this cluster; this is its lock.
# usage: lock.sh take ID OWNER | beat ID | break STALE-ID | release ID
lock=${LOCK_DIR}
umask 022
${SHOW}
# Whoever died between making the lock and signing it is called -.
ours() { if [ "$1" = - ]; then [ ! -f "$lock/owner" ]; else grep -q "\\"id\\":\\"$1\\"" "$lock/owner" 2>/dev/null; fi; }
case "$1" in
take)
  mkdir -p ${HOME} || exit 1
  if mkdir "$lock" 2>/dev/null; then
    printf '%s\\n' "$3" > "$lock/owner.part" && touch "$lock/beat" && mv "$lock/owner.part" "$lock/owner" || exit 1
  fi
  if ours "$2"; then touch "$lock/beat"; echo ours; else show; fi
  ;;
beat)
  if ours "$2"; then touch "$lock/beat" && echo ours; else show; fi
  ;;
break)
  if mkdir "$lock/breaking" 2>/dev/null; then
    if ours "$2"; then
      mv -T "$lock" "${HOME}/lock-broken-$2" || exit 1
      echo none
    else
      rmdir "$lock/breaking"
      show
    fi
  else
    begun=$(stat -c %Y "$lock/breaking" 2>/dev/null || date +%s)
    # Whoever was breaking it died in the middle: the next try may.
    [ $(( $(date +%s) - begun )) -lt 60 ] || rmdir "$lock/breaking" 2>/dev/null
    show
  fi
  ;;
release)
  if ours "$2"; then rm -r "$lock" && echo none; else show; fi
  ;;
*)
  echo "unknown: $1"
  exit 2
  ;;
esac
`;

/** Named by its content, so that two versions of blackstart do not change each other's under way. */
export const LOCK_PATH = `${HOME}/lock-${createHash('sha256').update(LOCK_SCRIPT).digest('hex').slice(0, 8)}.sh`;

/** Looks at a lock without placing anything; in one line, for a login shell that is csh. */
export const readLock = (): string[] => ['sh', '-c', `lock=${LOCK_DIR}; ${SHOW} show`];

export const lockCommand = (...args: readonly string[]): string[] => ['sh', LOCK_PATH, ...args];

/** The journals on a server, `directory<tab>last line of its last piece`, for all runs or one. */
export const listJournals = (run = '*'): string[] => [
  'sh',
  '-c',
  `for d in ${HOME}/${run}/journal-*; do [ -d "$d" ] || continue; last=; for f in "$d"/*.jsonl; do [ -f "$f" ] && last=$f; done; [ -n "$last" ] || continue; printf '%s\\t' "$d"; tail -n 1 "$last"; done`,
];

/** All events of a journal in pieces named after `piece`, the empty name for all. */
export const readJournal = (directory: string, piece = ''): string[] => [
  'sh',
  '-c',
  `for f in "$1"/*.jsonl; do [ -f "$f" ] || continue; [ -n "$2" ] && [ ! "\${f##*/}" \\> "$2" ] && continue; cat "$f"; done`,
  'sh',
  directory,
  piece,
];

/** Writes standard input to a file of its owner's, whole or not at all. */
export const pourCommand = (path: string): string[] => [
  'sh',
  '-c',
  'umask 077; mkdir -p "$(dirname "$1")" && cat > "$1.part" && mv "$1.part" "$1"',
  'sh',
  path,
];
