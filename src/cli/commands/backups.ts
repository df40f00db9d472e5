import { assess, nearest, parseTime } from '../../backups/index.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { minute } from '../../incident/times.js';
import { json, out } from '../output.js';
import { backupsView } from '../views.js';
import { type InventoryOption, inventoryOf, openDesk, withSpool } from './shared.js';

export interface BackupsOptions extends InventoryOption {
  readonly near?: string;
  /** `--no-hosts` makes it false. */
  readonly hosts?: boolean;
  readonly json: boolean;
}

/** The catalogue of every source, newest first. Exit 0 when one of them has backups. */
export async function backupsCommand(options: BackupsOptions): Promise<number> {
  const now = Date.now();
  const wanted = options.near === undefined ? undefined : parseTime(options.near, now);
  if (options.near !== undefined && wanted === undefined) {
    throw new ProblemError(
      {
        id: 'usage',
        what: `"${options.near}" is no time I understand.`,
        next: 'Examples: "2026-11-22 02:00", "02:00", "yesterday 14:30", "-3h". All in UTC.',
      },
      EXIT.usage,
    );
  }
  const inventory = await inventoryOf(options);
  return withSpool('list', async (spool, signal) => {
    const { desk, close } = openDesk(inventory, { spool, hosts: options.hosts !== false });
    try {
      const { backups, remarks } = await desk.list(signal);
      const near = wanted === undefined ? undefined : nearest(backups, wanted);
      if (options.json) json({ backups, nearest: near ?? null, health: assess(backups, now), remarks });
      else print(backupsView(backups, now, remarks), near?.id);
      return EXIT.ok;
    } finally {
      await close();
    }
  });
}

function print(view: ReturnType<typeof backupsView>, near: string | undefined): void {
  if (view.state !== 'listed') return;
  for (const row of view.rows) {
    const mark = row.name === near ? '▸' : ' ';
    const taken = row.takenAt === 0 ? 'unknown time     ' : minute(row.takenAt);
    const remark = row.remark === undefined ? '' : `  (${row.remark})`;
    out(`${mark} ${taken}  ${row.kind.padEnd(7)} ${(row.bytes / 1e6).toFixed(1).padStart(9)} MB  ${row.name}${remark}`);
  }
  if (view.remarks.length > 0) out('');
  for (const remark of view.remarks) out(`  ${remark}`);
}
