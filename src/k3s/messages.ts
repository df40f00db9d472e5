/** Lines of K3s and etcd that decide something. Matched on the text only, whatever the log's wrapper. */

/** The one sign of a successful reset in every version (facts 1.4; R7, R8). */
export const RESET_MARKER = 'restart without --cluster-reset flag now';

/** Where K3s moved the live database; the way back (facts 1.4 step 6, symptom 80). */
export const MOVED_ASIDE = 'Pre-restore etcd database moved to ';

/** TCP ports that nobody may hold before a reset (issue: *stopped*; facts 2.2, R11). */
export const K3S_PORTS = [6443, 6444, 2379, 2380] as const;

interface ResetStage {
  readonly title: string;
  readonly pattern: RegExp;
}

/** How far a reset is, by the lines it prints (facts 1.4, order as seen in c-full-restore/03). */
export const RESET_STAGES: readonly ResetStage[] = [
  { title: 'database moved aside', pattern: /Pre-restore etcd database moved to (\S+?)"?$/ },
  { title: 'snapshot restored', pattern: /"msg":"restored snapshot"/ },
  { title: 'etcd starts alone', pattern: /Starting etcd for (new|existing) cluster/ },
  { title: 'etcd answers', pattern: /Connection to etcd is ready/ },
  { title: 'certificates saved and rewritten', pattern: /Cluster reset: backing up certificates directory/ },
  { title: 'membership is reset', pattern: /restart without --cluster-reset flag now/ },
];

/** Lines after which a reset cannot succeed any more, with what they mean (facts 1.7). */
const FATAL: readonly { readonly pattern: RegExp; readonly means: string; readonly lookup: string }[] = [
  {
    pattern: /bootstrap data already found and encrypted with different token/,
    means: 'the token is not the one that was in force when the snapshot was taken',
    lookup: '36',
  },
  {
    pattern: /expected sha256 \[.*\], got \[/,
    means: 'the snapshot is damaged: its checksum does not match',
    lookup: '75',
  },
  {
    pattern: /snapshot missing hash but --skip-hash-check=false/,
    means: 'the snapshot is cut off or is no snapshot',
    lookup: '74',
  },
  {
    pattern: /cannot perform cluster-reset while server URL is set/,
    means: 'a server URL is still configured',
    lookup: '71',
  },
  { pattern: /address already in use/, means: 'another K3s process still runs on this host', lookup: '66' },
  { pattern: /no space left on device/, means: 'the disk is full', lookup: '60' },
  {
    pattern: /membership was previously reset/,
    means: 'a reset was done before and K3s has not been started since',
    lookup: '70',
  },
  { pattern: /does not exist, please pass --token/, means: 'no token was given and none is on the disk', lookup: '72' },
  {
    pattern: /snapshot path (does not exist|must be a file)/,
    means: 'the snapshot file is not where it was put',
    lookup: '73',
  },
  {
    pattern: /tombstone file has been detected but --server is empty/,
    means: 'this server was removed from the cluster earlier',
    lookup: '32',
  },
  {
    pattern: /cipher: message authentication failed/,
    means: 'the bootstrap data in the snapshot cannot be decrypted',
    lookup: '36',
  },
];

/** What a failed reset's output says, in one clause; undefined when no known line is in it. */
export function explainResetFailure(output: string): { means: string; lookup: string } | undefined {
  return FATAL.find((one) => one.pattern.test(output));
}

/** Lines with which K3s gives up a start, the last of them: a loop never says why it loops anywhere else (R44). */
export function lastFatal(journal: string): string | undefined {
  const lines = journal.split('\n');
  // After the fatal line others may follow (R9), systemd's own among them.
  const at = lines.findLastIndex(
    (line) =>
      /\blevel=fatal\b/.test(line) ||
      /level=error .*Shutdown request received: /.test(line) ||
      /^(panic|fatal error|unexpected fault address): /.test(line),
  );
  return at < 0 ? undefined : messageOf(lines[at] ?? '').slice(0, 400);
}

/** With which words a K3s that neither dies nor gets ready says what it waits for: only where that will not pass by itself (row 49). */
export function stuckOn(journal: string): string | undefined {
  const line = journal.split('\n').findLast((one) => /Node password rejected/.test(one));
  return line === undefined ? undefined : messageOf(line).slice(0, 400);
}

/** The message text of a journal or console line: without logrus', zap's or klog's wrapper (facts 1.6). */
export function messageOf(line: string): string {
  const logrus = /\bmsg="((?:[^"\\]|\\.)*)"/.exec(line);
  if (logrus?.[1] !== undefined) return logrus[1].replace(/\\(["\\])/g, '$1');
  if (line.startsWith('{')) {
    const zap = /"msg":"((?:[^"\\]|\\.)*)"/.exec(line);
    if (zap?.[1] !== undefined) return zap[1].replace(/\\(["\\])/g, '$1');
  }
  return line.replace(/^[IWEF]\d{4} [\d:.]+ +\d+ [\w./-]+:\d+\] /, '');
}

export type Severity = 'debug' | 'info' | 'warning' | 'error';

/** How bad a line says it is. The success line of a reset is logged as an error and is none (R7). */
export function severityOf(line: string): Severity {
  if (line.includes(RESET_MARKER)) return 'info';
  const level = /\blevel=(\w+)/.exec(line)?.[1] ?? /^\{"level":"(\w+)"/.exec(line)?.[1];
  switch (level) {
    case 'debug':
    case 'trace':
      return 'debug';
    case 'warning':
    case 'warn':
      return 'warning';
    case 'error':
    case 'fatal':
    case 'panic':
    case 'dpanic':
      return 'error';
    case 'info':
      return 'info';
  }
  switch (/^([IWEF])\d{4} /.exec(line)?.[1]) {
    case 'W':
      return 'warning';
    case 'E':
    case 'F':
      return 'error';
  }
  return /^(panic|fatal error):/.test(line) ? 'error' : 'info';
}

const MOST_FIELDS = 24;
/** What is shown elsewhere, or is the message itself. */
const NOT_FIELDS = new Set(['level', 'msg', 'ts', 'time']);

/**
 * Key and value of a journal line: logrus' `key="value"`, etcd's zap JSON, klog's structured tail (facts 1.6). Values that are no text
 * are given as JSON. As written: whoever keeps them makes them inert.
 */
export function fieldsOf(line: string): Record<string, string> {
  const fields: Record<string, string> = {};
  const add = (key: string, value: string): void => {
    if (!NOT_FIELDS.has(key) && Object.keys(fields).length < MOST_FIELDS) fields[key] = value;
  };
  if (line.startsWith('{')) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null)
        for (const [key, one] of Object.entries(value)) add(key, typeof one === 'string' ? one : JSON.stringify(one));
    } catch {
      // A line that was cut off is shown as it is.
    }
    return fields;
  }
  const klog = /^[IWEF]\d{4} [\d:.]+ +\d+ ([\w./-]+:\d+)\] (?:"(?:[^"\\]|\\.)*")?/.exec(line);
  if (klog?.[1] !== undefined) add('at', klog[1]);
  else if (!/^time="/.test(line)) return fields;
  for (const [, key = '', quoted, bare] of line
    .slice(klog?.[0].length ?? 0)
    .matchAll(/(?:^|\s)([A-Za-z][\w.-]{0,60})=(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))/g))
    add(key, quoted?.replace(/\\(["\\])/g, '$1') ?? bare ?? '');
  return fields;
}
