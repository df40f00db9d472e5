import type { Inventory } from '../inventory/types.js';

export async function showConsole(_options: {
  inventory: Inventory;
  observe: boolean;
  plain: boolean;
  fresh: boolean;
  state: string;
}): Promise<number> {
  return 0;
}
