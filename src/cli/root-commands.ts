import { planOf } from '../incident/plan.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';

/** Every command the plan would send as root, by host, each once. */
export function rootCommands(scenario: Scenario, state: IncidentState): Map<string, (readonly string[])[]> {
  const wanted = new Map<string, Map<string, readonly string[]>>();
  for (const { step, hosts } of planOf(scenario, state).flatMap((phase) => phase.steps)) {
    for (const { host, when } of hosts) {
      if (when.run === 'no') continue;
      const context = contextOf(state, host, 1, true);
      for (const command of [...step.done.ask(context), ...(step.run?.(context) ?? [])]) {
        if (command.kind !== 'exec' || !command.root) continue;
        // What may be missing on a host is missing to sudo too, and says nothing about its rules.
        if (command.expect?.includes(127) === true) continue;
        const on = command.on ?? host;
        const known = wanted.get(on) ?? new Map<string, readonly string[]>();
        known.set(command.argv.join('\0'), command.argv);
        wanted.set(on, known);
      }
    }
  }
  return new Map([...wanted].map(([host, argvs]) => [host, [...argvs.values()]]));
}
