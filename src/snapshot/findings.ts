/** What a proof found wrong, worth a warning, or worth knowing. */

/** `fatal` makes a snapshot not restorable; `warning` is for the operator to weigh; `info` is only told. */
export type Severity = 'fatal' | 'warning' | 'info';

/** One finding, in the operator's words. */
export interface Finding {
  /** Stable short name: `sha256-mismatch`. */
  readonly id: string;
  readonly severity: Severity;
  /** What it is and what it means. */
  readonly message: string;
  /** What to do next. */
  readonly remedy: string;
  /** Byte offset in the file, where that helps. */
  readonly offset?: number;
  /** Page number in the database image, where that helps. */
  readonly page?: number;
}

/** Enough to see the pattern of the damage; the rest is counted. */
const MOST = 40;

const OTHER_SNAPSHOT =
  'Choose another snapshot: this file cannot be restored. Fetch it again first if it was downloaded.';

/** Collects findings with a bound, so that a file full of damage cannot fill memory or the screen. */
export class Findings {
  readonly #list: Finding[] = [];
  #fatal = 0;
  #left = 0;

  add(finding: Finding): void {
    if (finding.severity === 'fatal') this.#fatal++;
    if (this.#list.length < MOST) this.#list.push(finding);
    else this.#left++;
  }

  /** Puts another list's findings before these: what was found out beside, and tells more. */
  lead(other: Findings): void {
    this.#list.unshift(...other.#list);
    this.#fatal += other.#fatal;
    this.#left += other.#left;
  }

  /** Damage in the structure of the file: always fatal, with the same remedy. */
  damage(id: string, message: string, where: { page?: number; offset?: number } = {}): void {
    this.add({ id, severity: 'fatal', message, remedy: OTHER_SNAPSHOT, ...where });
  }

  /** How many findings make the file not restorable. */
  get fatal(): number {
    return this.#fatal;
  }

  has(id: string): boolean {
    return this.#list.some((one) => one.id === id);
  }

  /** The findings, worst first, in the order they were made. */
  list(): Finding[] {
    const order: Record<Severity, number> = { fatal: 0, warning: 1, info: 2 };
    const sorted = [...this.#list].sort((a, b) => order[a.severity] - order[b.severity]);
    if (this.#left > 0) {
      sorted.push({
        id: 'more-findings',
        severity: 'info',
        message: `${this.#left} more findings of this kind were counted and are not listed.`,
        remedy: 'The first ones listed are enough to decide.',
      });
    }
    return sorted;
  }
}
