import { withoutFlags } from './config.js';
import { unitEnvFiles } from './paths.js';

/**
 * The reset command: the unit's own arguments without `server`, plus the reset flags, as a transient unit with a receipt
 * (facts 1.1: a hand-run reset inherits the config files but neither the unit's arguments nor its environment files; R42, R43).
 */

/** Settings that must not reach a reset, whatever file they stand in (facts 1.2, 1.8). */
const NEVER_IN_A_RESET = ['server', 'cluster-reset', 'cluster-reset-restore-path', 'etcd-s3', 'config'] as const;
/** A restore brings its own token, the one that opens the snapshot; without one the server's own opens its own data. */
const TOKEN_SETTINGS = ['token', 'token-file'] as const;

const notInAReset = (bringsToken: boolean): readonly string[] =>
  bringsToken ? [...NEVER_IN_A_RESET, ...TOKEN_SETTINGS] : NEVER_IN_A_RESET;

export interface ResetPlan {
  readonly unit: string;
  /** Where the attempt writes its output and receipt; made by the unit's first act with a plain `mkdir`. */
  readonly attemptDir: string;
  readonly wrapper: string;
  /** Absolute path of `k3s`, from the unit. */
  readonly k3s: string;
  readonly service: string;
  readonly args: readonly string[];
  /** A copy of the config files without what must not reach a reset; undefined when the files can be used as they are. */
  readonly config?: string;
  readonly dataDir?: string;
  /** Absolute path of the snapshot; undefined resets membership and keeps the local data. */
  readonly restorePath?: string;
  /** 0600 file with `K3S_TOKEN=…` under /run. */
  readonly tokenEnv?: string;
}

/** The name under which our transient units write to the journal, so that their lines can be followed before they exist. */
export const JOURNAL_NAME = 'blackstart';

/** In a transient unit systemd expands `$`, so every one of ours is doubled (architecture, *Doing it once*). */
export const systemdWord = (word: string): string => word.replaceAll('$', '$$$$');

/** `k3s server --cluster-reset …` as it is run. */
export function resetCommand(plan: ResetPlan): string[] {
  return [
    plan.k3s,
    'server',
    ...withoutFlags(plan.args, new Set<string>(notInAReset(plan.tokenEnv !== undefined))),
    ...(plan.config === undefined ? [] : [`--config=${plan.config}`]),
    ...(plan.dataDir === undefined || plan.args.some((arg) => /^(--data-dir|-d)\b/.test(arg))
      ? []
      : [`--data-dir=${plan.dataDir}`]),
    '--cluster-reset',
    ...(plan.restorePath === undefined ? [] : [`--cluster-reset-restore-path=${plan.restorePath}`]),
    '--etcd-s3=false',
  ];
}

/** The whole `systemd-run` command. It returns at once; the receipt tells how it ended. */
export function resetUnitCommand(plan: ResetPlan): string[] {
  const files = [
    ...unitEnvFiles(plan.service).map((path) => `-${path}`),
    ...(plan.tokenEnv === undefined ? [] : [plan.tokenEnv]),
  ];
  return receiptUnit({
    ...plan,
    description: 'reset etcd',
    properties: [
      ...files.map((file) => `EnvironmentFile=${file}`),
      `UnsetEnvironment=K3S_URL K3S_CLUSTER_RESET${plan.tokenEnv === undefined ? '' : ' K3S_TOKEN_FILE'}`,
    ],
    command: resetCommand(plan),
  });
}

export interface ReceiptUnit {
  readonly unit: string;
  /** What it does, as `systemctl` shows it. */
  readonly description: string;
  readonly wrapper: string;
  readonly attemptDir: string;
  /** Besides those of every such unit, `NAME=VALUE`. */
  readonly properties?: readonly string[];
  readonly command: readonly string[];
}

/** `systemd-run` of one long command behind {@link RECEIPT_WRAPPER}: it stays loaded when it has ended, and no line of it is dropped. */
export const receiptUnit = (plan: ReceiptUnit): string[] => [
  'systemd-run',
  `--unit=${plan.unit}`,
  `--description=blackstart: ${plan.description}`,
  ...[
    'RemainAfterExit=yes',
    'LogRateLimitIntervalSec=0',
    `SyslogIdentifier=${JOURNAL_NAME}`,
    ...(plan.properties ?? []),
  ].flatMap((property) => ['-p', property]),
  '--',
  '/bin/sh',
  plan.wrapper,
  plan.attemptDir,
  ...plan.command.map(systemdWord),
];

/**
 * `sed` that copies one config file without the settings a reset must not see, the token's among them where it is given otherwise; nothing is printed, so no secret leaves the host.
 * Only what every sed understands: the practice nodes' one knows no groups in an address.
 */
export function stripConfigCommand(from: string, to: string, bringsToken: boolean): string[] {
  const drop = notInAReset(bringsToken).flatMap((name) => ['-e', `/^['"]*${name}['"]*[+]*[[:space:]]*:/d`]);
  return ['sed', '-n', ...drop, '-e', `w ${to}`, from];
}

/**
 * Runs a command, keeps its output and leaves a receipt. Its first act is a plain `mkdir`, which fails if the attempt was
 * begun before: that, and not the unit's name, prevents a second start, also after a reboot.
 */
export const RECEIPT_WRAPPER = `#!/bin/sh
# Placed by blackstart. Runs one long command exactly once and leaves a receipt of how it ended.
# usage: with-receipt.sh DIRECTORY COMMAND [ARGUMENT...]
directory=$1
shift
umask 077
mkdir "$directory" || { echo "blackstart: $directory exists: this attempt was started before, nothing is done"; exit 96; }
date +%s > "$directory/started"
{ env "$@" 2>&1; echo "$?" > "$directory/exit"; } | tee "$directory/output"
code=$(cat "$directory/exit")
marker=no
if grep -q 'restart without --cluster-reset flag now' "$directory/output"; then marker=yes; fi
moved=$(grep -o 'Pre-restore etcd database moved to [^ "]*' "$directory/output" | tail -n 1 | cut -d ' ' -f 6)
{
  echo "exit=$code"
  echo "marker=$marker"
  echo "moved=$moved"
  echo "ended=$(date +%s)"
} > "$directory/receipt.part"
sync
mv "$directory/receipt.part" "$directory/receipt"
exit "$code"
`;

export interface Receipt {
  readonly exit: number;
  readonly marker: boolean;
  /** Directory K3s moved the database to, when it got that far. */
  readonly moved?: string;
  /** Seconds since the epoch. */
  readonly ended: number;
}

/** A receipt's text; undefined when it is none. */
export function parseReceipt(text: string): Receipt | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1];
  const exit = field('exit');
  const ended = field('ended');
  if (exit === undefined || ended === undefined || !/^\d+$/.test(exit)) return undefined;
  const moved = field('moved');
  return {
    exit: Number(exit),
    marker: field('marker') === 'yes',
    ended: Number(ended),
    ...(moved === undefined || moved === '' ? {} : { moved }),
  };
}
