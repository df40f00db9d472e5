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
}
