import type { GateSpec } from '../src/incident/step.js';

/** Gates that several scenarios share. */

export const cleanupGate: GateSpec = {
  id: 'cleanup',
  title: 'Clean up',
  typed: () => undefined,
  does: () => 'runs a test pod and deletes it, removes our overrides, takes a fresh snapshot',
  loses: () => 'nothing',
  keeps: () => 'all data that was moved aside, and the safety copies',
  undo: 'not needed',
};
