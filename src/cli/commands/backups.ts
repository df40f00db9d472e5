import { assess, nearest, parseTime } from '../../backups/index.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { json, out } from '../output.js';
import { backupsView } from '../views.js';
import { deskOf, type InventoryOption, inventoryOf } from './shared.js';

export async function backupsCommand(
  options: InventoryOption & { readonly near?: string; readonly json: boolean },
): Promise<number> {
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
  const backups = await deskOf(await inventoryOf(options)).desk.list();
  const near = wanted === undefined ? undefined : nearest(backups, wanted);
  const view = backupsView(backups, now);
  if (view.state !== 'listed') return EXIT.bug;
  if (options.json) {
    json({ backups, nearest: near ?? null, health: assess(backups, now) });
    return EXIT.ok;
  }
  for (const row of view.rows) {
    const mark = row.name === near?.name ? '▸' : ' ';
    const taken =
      row.takenAt === 0 ? 'unknown time      ' : new Date(row.takenAt).toISOString().slice(0, 16).replace('T', ' ');
    out(
      `${mark} ${taken}Z  ${row.kind.padEnd(7)} ${(row.bytes / 1e6).toFixed(1).padStart(9)} MB  ${row.name}${row.remark === undefined ? '' : `  (${row.remark})`}`,
    );
  }
  for (const remark of view.remarks) out(`  ${remark}`);
  return EXIT.ok;
}
