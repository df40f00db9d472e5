import { renameSync, writeFileSync } from 'node:fs';
import { EXIT, type ExitCode, ProblemError } from '../base/problem.js';
import type { Proof } from '../snapshot/index.js';

export interface VerifyOutcome {
  /** Name of the cluster; empty where no inventory was used. */
  readonly cluster: string;
  readonly exit: ExitCode;
  /** Undefined when it came to no proof. */
  readonly proof: Proof | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What `verify` found, in the text format of Prometheus' node_exporter (textfile collector). */
export function verifyMetrics({ cluster, exit, proof, now }: VerifyOutcome): string {
  const labels = `{cluster="${label(cluster)}"}`;
  const lines: string[] = [];
  const gauge = (name: string, help: string, value: number | null | undefined): void => {
    if (value === null || value === undefined || Number.isNaN(value)) return;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name}${labels} ${value}`);
  };
  gauge('blackstart_verify_restorable', 'Whether the backup would restore (1) or not (0).', proof?.ok === true ? 1 : 0);
  gauge('blackstart_verify_exit_code', 'Exit code of blackstart verify: 0 yes, 1 no, 2 usage, 3 unreachable.', exit);
  gauge('blackstart_verify_timestamp_seconds', 'When verify ran.', Math.floor(now / 1000));
  if (proof !== undefined) {
    const taken = proof.takenAt === null ? null : Math.floor(Date.parse(proof.takenAt) / 1000);
    const warnings = proof.problems.filter((one) => one.severity === 'warning').length;
    gauge('blackstart_verify_duration_seconds', 'How long the proof took.', Number(proof.seconds.toFixed(3)));
    gauge('blackstart_verify_warnings', 'Warnings the proof ended with.', warnings);
    gauge('blackstart_verify_token_opens', 'Whether a token at hand opens it.', proof.token.opens ? 1 : 0);
    gauge('blackstart_backup_taken_timestamp_seconds', 'When the backup was taken.', taken);
    gauge('blackstart_backup_bytes', 'Size of the snapshot.', proof.bytes);
    gauge('blackstart_backup_revision', "etcd's revision in it.", proof.revision);
    gauge('blackstart_backup_keys', 'Live keys in it.', proof.keys);
  }
  return `${lines.join('\n')}\n`;
}

/** Puts the file in place in one go: the collector must never read half of it. Throws {@link ProblemError} `metrics-unwritable`. */
export function writeMetrics(file: string, text: string): void {
  try {
    writeFileSync(`${file}.${process.pid}.tmp`, text, { mode: 0o644 });
    renameSync(`${file}.${process.pid}.tmp`, file);
  } catch (cause) {
    throw new ProblemError(
      {
        id: 'metrics-unwritable',
        what: `The metrics cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
        where: file,
        next: 'Check the folder and its permissions.',
      },
      EXIT.unreachable,
      { cause },
    );
  }
}

const label = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
