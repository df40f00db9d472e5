/**
 * A host as the rest of the program sees it: run an argument list, follow a stream, put a file.
 * `ssh-host.ts` is the real one; tests have a second one that calls a practice node in the same process.
 */

/** Which share of a connection's channels a command uses: the runner's own are reserved. */
export type Lane = 'runner' | 'watch';

export interface ExecRequest {
  /** Program and arguments; quoted for the remote shell by `quoteArgv`, the only place where a shell text is made. */
  readonly argv: readonly string[];
  /** Run as root, in whatever way the inventory says this host does that. Default false. */
  readonly root?: boolean;
  /** Text for standard input; refused together with a sudo password (it would end up in the wrong hands). */
  readonly stdin?: string | Uint8Array;
  /** The command is cancelled and the call fails after this long. Default 30 000 ms. */
  readonly timeoutMs?: number;
  /** At most this many bytes of each stream are kept; more sets `truncated`. Default 4 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  readonly lane?: Lane;
}

export interface ExecResult {
  /** Exit code; null when the command ended by a signal. */
  readonly code: number | null;
  readonly signal?: string;
  /** UTF-8, not yet made inert: parsers see what the host said, everything that is shown or recorded goes through `inert`. */
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
  /** Duration in milliseconds, by the caller's clock. */
  readonly ms: number;
}

export interface StreamRequest {
  readonly argv: readonly string[];
  readonly root?: boolean;
  readonly signal: AbortSignal;
  /** Called for every line without its newline; a line longer than 64 KiB comes cut. */
  onLine(line: string): void;
}

export interface PutRequest {
  /** A local file's path, or the bytes. */
  readonly source: { readonly file: string } | { readonly bytes: Uint8Array };
  /** Absolute path on the host. Written beside it under a `.part` name first, then moved over it. */
  readonly path: string;
  /** Octal mode, e.g. 0o600. */
  readonly mode: number;
  readonly root?: boolean;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
}

export interface GetRequest {
  /** Absolute path on the host. */
  readonly path: string;
  readonly root?: boolean;
  /** Path on this machine; made 0600, must not exist yet, removed again when anything fails. */
  readonly file: string;
  /** Compare with the host's own sha256sum. Default true; false for a file that is being written to all the time. */
  readonly verify?: boolean;
  /**
   * Ends the copy after this many zeros in a row: for a file that is made long beforehand and filled from its beginning, as etcd's log is.
   * What comes after them is not fetched, so it cannot be verified.
   */
  readonly untilZeros?: number;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
}

/** What arrived: bytes, and their SHA-256 in lower-case hex. */
export interface Got {
  readonly bytes: number;
  readonly sha256: string;
}

/** What is known of the connection to a host. */
export type Connection =
  | { readonly state: 'idle' }
  | { readonly state: 'connecting'; readonly since: number }
  | { readonly state: 'up'; readonly since: number; readonly latencyMs: number }
  | { readonly state: 'down'; readonly since: number; readonly problem: import('../base/problem.js').Problem };

/**
 * All methods fail with a `ProblemError` that names the host. Ids used: `host-unreachable`, `host-timeout`, `login-refused`,
 * `host-key-unknown`, `host-key-changed`, `host-key-revoked`, `sudo-denied`, `ssh-unsupported`, `connection-lost`, `cancelled`, `command-timeout`.
 * Further: `known-hosts-unreadable`, `ssh-config-unreadable`, `put-failed` and `file-unreadable` (put), `get-failed`, `get-changed`, `spool-full` and
 * `file-unwritable` (get), `command-refused` (a mistake of ours: NUL in an argument, input together with a sudo password), and those of the
 * inventory's secret sources.
 * `connection-lost` and `command-timeout` leave the command in doubt: it may have run.
 */
export interface Host {
  readonly name: string;
  connection(): Connection;
  /** Calls back on every change of `connection()`; returns the way to stop it. */
  onConnection(listener: (connection: Connection) => void): () => void;
  exec(request: ExecRequest): Promise<ExecResult>;
  /** Resolves with the exit code when the remote command ends by itself. */
  stream(request: StreamRequest): Promise<number | null>;
  put(request: PutRequest): Promise<{ readonly bytes: number }>;
  get(request: GetRequest): Promise<Got>;
  close(): Promise<void>;
}
