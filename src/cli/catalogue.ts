import { type Backup, suggested } from '../backups/index.js';
import { systemClock } from '../base/clock.js';
import { toProblem } from '../base/problem.js';
import type { ConsoleStore } from '../store/store.js';
import type { BackupDesk } from './backup-desk.js';
import type { Listing } from './backup-sources.js';
import { backupsView } from './views.js';

const AGAIN_MS = 300_000;

export interface CatalogueOptions {
  readonly store: ConsoleStore;
  readonly desk: Pick<BackupDesk, 'list'>;
  readonly signal: AbortSignal;
  /** The plan has begun: it is not read again by itself. */
  begun(): boolean;
  /** Something else is known than before. */
  changed(): void;
}

/** The backups there are, read into the store; kept fresh until the plan begins, because the checklist must not rest on an old look. */
export class Catalogue {
  readonly #options: CatalogueOptions;
  #backups: readonly Backup[] | undefined;
  #listedAt: number | undefined;

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /** Undefined until it was read once. */
  get backups(): readonly Backup[] | undefined {
    return this.#backups;
  }

  /** Milliseconds since the epoch. */
  get listedAt(): number | undefined {
    return this.#listedAt;
  }

  /** The one to restore from, unless somebody knows better. */
  get newest(): Backup | undefined {
    return suggested(this.#backups ?? []);
  }

  /** Until the signal, or until the plan begins: now, and then now and then, without a word. */
  async watch(): Promise<void> {
    const { signal, begun } = this.#options;
    await this.read();
    while (!signal.aborted && !begun()) {
      await systemClock.sleep(AGAIN_MS, signal).catch(() => undefined);
      if (!signal.aborted && !begun()) await this.read(true);
    }
  }

  /** Reads it; `quietly` leaves what is shown until the new one is there. */
  async read(quietly = false): Promise<void> {
    const { store, desk, signal, changed } = this.#options;
    if (!quietly) store.setState({ backups: { state: 'loading' } });
    try {
      // What bucket and folder hold is shown while servers may still be silent.
      this.#show(await desk.list(signal, { onOutside: (listing) => this.#show(listing) }));
    } catch (error) {
      if (signal.aborted) return;
      const { what, next } = toProblem(error);
      store.setState({ backups: { state: 'failed', what, next } });
    }
    changed();
  }

  #show({ backups, remarks }: Listing): void {
    this.#backups = backups;
    this.#listedAt = systemClock.now();
    this.#options.store.setState({ backups: backupsView(backups, this.#listedAt, remarks) });
    this.#options.changed();
  }
}
