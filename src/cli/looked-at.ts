import { VERSION } from '../base/version.js';
import type { HostFacts } from '../incident/facts.js';
import { fold } from '../incident/fold.js';
import type { IncidentState } from '../incident/state.js';
import type { Choices } from '../incident/step.js';
import type { Inventory } from '../inventory/types.js';
import { clusterOf } from './cluster-of.js';

/** The state of an incident nobody opened: what hosts look like now, for commands that print and record nothing. */
export function lookedAtState(
  inventory: Inventory,
  facts: Readonly<Record<string, HostFacts>>,
  choices: Partial<Choices>,
): IncidentState {
  const opened = fold(undefined, {
    type: 'run-opened',
    seq: 1,
    at: new Date().toISOString(),
    mono: 0,
    runId: 'RUN',
    cluster: clusterOf(inventory),
    operator: 'nobody',
    machine: '',
    version: VERSION,
    mode: inventory.drill ? 'drill' : 'live',
  });
  if (opened === undefined) throw new Error('an opening event opens');
  return { ...opened, facts, choices: { ...opened.choices, ...choices } };
}
