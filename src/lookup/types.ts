/**
 * What a line of K3s or etcd means and what to do about it. The catalogue itself is in `scenarios/symptoms/`; this room only matches and
 * searches it.
 */
export interface Symptom {
  /** Number of the row in the fact file, as text; a short name for an issue of the paper runbook: `runbook-rotate-ca`. */
  readonly id: string;
  /** What it is, in a few words. */
  readonly title: string;
  /**
   * Sources of regular expressions, tried on the raw line and on the bare message alike, so a quote may stand escaped (`\\?"`). Each has a
   * fixed part of at least five characters, and every gap is bounded (checked by `shapeOf`): a hostile line costs no more than a long one.
   * Empty for what shows as silence.
   */
  readonly patterns: readonly string[];
  /** First versions that say so, where it matters. */
  readonly since?: string;
  /** Last versions that say so, where it matters. */
  readonly until?: string;
  /** `info`: also seen on a healthy cluster, at least while it starts. */
  readonly severity: 'info' | 'warning' | 'error';
  readonly means: string;
  /** May hold `{server}`, `{servers}` and `{primary}`, see `fillNames`. */
  readonly doThis: string;
  /** The remedy that suggests itself and makes it worse. May hold the same names. */
  readonly notThis?: string;
  /** Recording (R n), issue (#n) or source file the entry rests on. */
  readonly source: string;
  /** Ids of the steps that carry out the remedy. */
  readonly steps?: readonly string[];
  /** A line that matches; of a recording where there is one. */
  readonly example: string;
  /** Further lines, so that every pattern has one. */
  readonly also?: readonly string[];
  /** Words under which somebody looks for it that are in no other field: the paper's own commands. */
  readonly words?: readonly string[];
}
