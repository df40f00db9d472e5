import { randomBytes } from 'node:crypto';
import type { ExecRequest, ExecResult, PutRequest } from './host.js';

/** Up to this size contents go with one command instead of a conversation: what a step places on a node is a few kilobytes. */
export const SMALL_BYTES = 256 * 1024;

/** Text for `sh -c` without a newline: a login shell that is csh takes none (see `quote.ts`). */
const line = (...parts: readonly string[]): string => parts.join(' ');

const WHOLE = line(
  '[ "$(stat -c %s "$f")" = "$size" ] ||',
  '{ echo "$(stat -c %s "$f") of $size bytes arrived" >&2; rm -f "$f"; exit 1; };',
);

/** Standard input into a file, private while it comes in and in its place only when it came whole. $1 path, $2 bytes, $3 mode. */
const BESIDE = line(
  'f=$1.part size=$2;',
  'install -D -m 0600 /dev/null "$f" && cat > "$f" || { rm -f "$f"; exit 1; };',
  WHOLE,
  'chmod "$3" "$f" && mv -T "$f" "$1"',
);

/**
 * A folder only the login user can enter: in its home, or in /var/tmp where that cannot be written. There anybody may have made one of that name
 * first, so its owner and mode are looked at. `$uid` is given; what follows runs with `$d`, and has to exit.
 */
const inFolder = (then: string): string =>
  line(
    'why=; umask 077;',
    'for d in "$PWD/.blackstart-stage" "/var/tmp/.blackstart-stage-$uid"; do',
    'said=$(mkdir -p -m 0700 "$d" 2>&1);',
    `seen=$(stat -c '%u %a %F' "$d" 2>/dev/null);`,
    `if [ "$seen" = "$uid 700 directory" ]; then ${then} fi;`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own
    'why="$why$d: ${said:-${seen:-not there}}; ";',
    'done;',
    'echo "$why" >&2; exit 1',
  );

/** Makes it and prints where it is. $1 id of the user. */
const FOLDER = line('uid=$1;', inFolder('echo "$d"; exit 0;'));

/** Standard input into a file there; prints where it is. $1 name, $2 bytes, $3 id of the user. */
const STAGE = line(
  'size=$2 uid=$3;',
  inFolder(line('f=$d/$1; cat > "$f" || { rm -f "$f"; exit 1; };', WHOLE, 'echo "$f"; exit 0;')),
);

/** Wherever it was staged. $1 name, $2 id of the user. */
const UNSTAGE = 'rm -f "$PWD/.blackstart-stage/$1" "/var/tmp/.blackstart-stage-$2/$1"';

/** From there to where it belongs, as root's. $1 staged, $2 path, $3 mode. */
const PLACE = `install -D -m "$3" -o root -g root "$1" "$2.part" && mv -T "$2.part" "$2" && rm -f "$1"`;

const shell = (script: string, ...args: readonly string[]): string[] => ['sh', '-c', script, 'sh', ...args];

export type Check = (request: ExecRequest) => Promise<ExecResult>;

export interface SmallPut {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Four octal digits. */
  readonly mode: string;
  readonly signal?: PutRequest['signal'];
}

/** As the user who logs in, who may be root. Sent again it does the same. */
export async function putBeside(check: Check, { path, bytes, mode, signal }: SmallPut): Promise<void> {
  const argv = shell(BESIDE, path, String(bytes.byteLength), mode);
  await check({ argv, stdin: bytes, lane: 'runner', ...maybe(signal) });
}

/** The login user's own folder, made where it is missing; as {@link putStaged} uses it. */
export async function stagingFolder(check: Check, uid: number, signal: PutRequest['signal']): Promise<string> {
  const { stdout } = await check({ argv: shell(FOLDER, String(uid)), lane: 'runner', ...maybe(signal) });
  return lastLine(stdout);
}

/** A login shell may have greeted first. */
const lastLine = (stdout: string): string => stdout.trimEnd().split('\n').at(-1) ?? '';

/** Through sudo, whose standard input may be needed for its password: the data goes to the login user's own folder first. */
export async function putStaged(
  check: Check,
  again: <T>(act: () => Promise<T>) => Promise<T>,
  uid: number,
  { path, bytes, mode, signal }: SmallPut,
): Promise<void> {
  const name = randomBytes(8).toString('hex');
  try {
    const staged = await again(async () => {
      const argv = shell(STAGE, name, String(bytes.byteLength), String(uid));
      const { stdout } = await check({ argv, stdin: bytes, lane: 'runner', ...maybe(signal) });
      return lastLine(stdout);
    });
    let lost = false;
    await again(async () => {
      // One whose answer was lost may have moved it: what was staged goes last, so nothing is left to do then.
      if (lost && !(await isThere(check, staged, signal))) return;
      lost = true;
      await check({ argv: shell(PLACE, staged, path, mode), root: true, lane: 'runner', ...maybe(signal) });
    });
  } catch (error) {
    // What was staged may be a secret.
    const argv = shell(UNSTAGE, name, String(uid));
    await check({ argv, lane: 'runner', timeoutMs: 10_000 }).catch(() => undefined);
    throw error;
  }
}

async function isThere(check: Check, path: string, signal: PutRequest['signal']): Promise<boolean> {
  const argv = shell('[ -e "$1" ] && echo yes || echo no', path);
  const { stdout } = await check({ argv, lane: 'runner', ...maybe(signal) });
  return lastLine(stdout) !== 'no';
}

const maybe = (signal: PutRequest['signal']): { signal?: AbortSignal } => (signal === undefined ? {} : { signal });
