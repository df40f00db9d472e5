import { join } from 'node:path';
import { z } from 'zod';
import {
  type MaintenanceSeen,
  type MaintenanceStatus,
  maintenance,
  maintenanceStatuses,
  type Tick,
} from '../../scenarios/maintenance.js';
import { assess, type Backup } from '../backups/index.js';
import type { Inventory } from '../inventory/types.js';
import { DrillBook } from './drill-book.js';
import { JsonBook } from './json-book.js';
import { Ledger } from './ledger.js';

const tickSchema = z.object({
  cluster: z.string(),
  item: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
  by: z.string(),
  how: z.enum(['seen', 'word']),
  words: z.string(),
});

/** What is remembered of maintenance, of every cluster of this machine: enough for years of weeks. */
const MOST = 2_000;
const WEEK = 7 * 86_400_000;

/** The maintenance of one cluster: what was done when and by whom, and what can be seen of it. */
export class Maintenance {
  readonly #book: JsonBook<z.infer<typeof tickSchema>>;

  constructor(
    private readonly state: string,
    private readonly inventory: Inventory,
  ) {
    this.#book = new JsonBook(join(state, 'maintenance.json'), tickSchema, MOST);
  }

  /** How every item stands; what ticks itself is remembered, so that its last time is known when the storage is not asked. */
  statuses(backups: readonly Backup[] | undefined, now: number): MaintenanceStatus[] {
    const found = maintenanceStatuses(this.#seen(backups, now), this.#ticks());
    for (const { item, look } of found)
      if (look?.done === true)
        this.#remember({ item: item.id, at: look.at, by: 'blackstart', how: 'seen', words: look.text });
    return found;
  }

  /** Somebody says it is done. Returns false where that could not be written. */
  tick(item: string, by: string, words: string, now: number): boolean {
    return this.#book.add({ cluster: this.inventory.cluster, item, at: now, by, how: 'word', words });
  }

  static knows(item: string): boolean {
    return maintenance.some((one) => one.id === item);
  }

  #ticks(): Tick[] {
    return this.#book.all().filter((one) => one.cluster === this.inventory.cluster);
  }

  /** What was seen replaces what was seen before: only the last time matters. */
  #remember(tick: Tick): void {
    const cluster = this.inventory.cluster;
    this.#book.add(
      { cluster, ...tick },
      (one) => one.cluster === cluster && one.item === tick.item && one.how === 'seen',
    );
  }

  #seen(backups: readonly Backup[] | undefined, now: number): MaintenanceSeen {
    const proof = new Ledger(this.state, this.inventory.cluster).entries().find((one) => one.own);
    return {
      now,
      backups: backups === undefined ? undefined : catalogueOf(backups, now),
      drills: new DrillBook(this.state)
        .entries()
        .filter((one) => one.recovered && !one.auto)
        .map(({ at, seconds, scenario, real }) => ({ at, seconds, scenario, real: real === true })),
      proof: proof === undefined ? undefined : { at: proof.provenAt, id: proof.id },
      contacts: this.inventory.contacts.length,
    };
  }
}

function catalogueOf(backups: readonly Backup[], now: number): NonNullable<MaintenanceSeen['backups']> {
  const health = assess(backups, now);
  return {
    count: backups.length,
    bytes: backups.reduce((sum, one) => sum + one.size, 0),
    newestAge: health.age,
    missed: health.gaps.filter((gap) => gap.to > now - WEEK).reduce((sum, gap) => sum + gap.missed, 0),
    trend: health.sizeTrend,
    daily: health.daily.state,
    weekly: health.weekly.state,
  };
}
