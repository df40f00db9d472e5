import type { GateSpec } from '../src/incident/step.js';
import { provenBackup } from './steps/fetch.js';
import { keptNodes } from './steps/gone-nodes.js';
import { primaryName } from './steps/hosts.js';

/** Gates that several scenarios share. */

export const cleanupGate: GateSpec = {
  id: 'cleanup',
  title: 'Clean up',
  typed: () => undefined,
  does: () => 'runs a test pod and deletes it, removes our overrides, takes a fresh snapshot',
  loses: () => 'nothing',
  keeps: (context) => `all data that was moved aside, and the safety copies${keptNodes(context)}`,
  undo: 'not needed',
};

/** K3s starts with the restored data. */
export const startGate: GateSpec = {
  id: 'start',
  title: 'Start the restored server',
  typed: () => undefined,
  does: (context) => `starts K3s on ${primaryName(context)} with the restored data; its controllers begin to act`,
  loses: (context) => {
    const wakes = provenBackup(context)?.wakes ?? [];
    return wakes.length === 0
      ? 'nothing; what controllers do from now on cannot be undone'
      : `nothing, but this wakes: ${wakes.slice(0, 6).join(', ')}`;
  },
  keeps: () => 'the old database stays aside; the other servers stay held',
  undo: 'the database, but not what controllers did meanwhile',
};
