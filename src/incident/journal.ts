/** A line of some host's journal, made inert before it got here. */
export interface JournalLine {
  /** Position of arrival in this console, for stable keys. */
  readonly id: number;
  /** Milliseconds since the epoch, by the host's clock. */
  readonly at: number;
  readonly host: string;
  readonly unit: string;
  readonly severity: 'debug' | 'info' | 'warning' | 'error';
  /** One line; wrappers of logrus, zap and klog taken off. */
  readonly text: string;
  /** Ids of known symptoms it shows, most specific first; what healthy clusters print too is not among them. */
  readonly symptoms: readonly string[];
  /** What the line carries beside its text (logrus', zap's and klog's key and value), inert; left out where there is none. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A result of looking something up. */
export interface LookupHit {
  readonly id: string;
  /** The text it was found in, `»…«` around what matched; empty where the id itself was asked for. */
  readonly marked: string;
}

/** An entry of the catalogue with this cluster's names filled in; `{server}` and `{primary}` stay, as they depend on the line. */
export interface SymptomEntry {
  readonly id: string;
  readonly title: string;
  readonly means: string;
  readonly doThis: string;
  readonly notThis?: string;
  readonly source: string;
  /** Steps that carry out the remedy. */
  readonly steps: readonly string[];
}
