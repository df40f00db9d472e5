/** What the verification after a restore found: one row for each check. Recorded, drawn, and part of the report. */
export interface VerificationRow {
  readonly id: string;
  readonly title: string;
  readonly result: 'pass' | 'fail' | 'info' | 'unknown';
  /** What was seen, in one sentence. */
  readonly seen: string;
  /** What to do about it. */
  readonly next?: string;
}

export interface Verification {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly rows: readonly VerificationRow[];
}

/** `no check fails: 9 pass, 4 for information`, or `2 of 13 checks fail: 9 pass, …`. */
export function verificationSummary({ rows }: Verification): string {
  const count = (result: VerificationRow['result']): number => rows.filter((row) => row.result === result).length;
  const failing = count('fail');
  const others = [
    `${count('pass')} pass`,
    ...(count('unknown') === 0 ? [] : [`${count('unknown')} cannot be told`]),
    ...(count('info') === 0 ? [] : [`${count('info')} for information`]),
  ];
  const first =
    failing === 0 ? 'no check fails' : `${failing} of ${rows.length} checks ${failing === 1 ? 'fails' : 'fail'}`;
  return `${first}: ${others.join(', ')}`;
}
