import type { IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import type { Hosts } from '../remote/hosts.js';
import { rootCommands } from './root-commands.js';

const SUDO_MS = 20_000;

/** Asks sudo on every host whether it would run what a plan sends there; what it refuses is missing before the plan may begin. */
export class SudoCheck {
  readonly #hosts: Hosts;
  readonly #signal: AbortSignal;
  #refuses: readonly string[] = [];
  #asked = 0;

  constructor(hosts: Hosts, signal: AbortSignal) {
    this.#hosts = hosts;
    this.#signal = signal;
  }

  /** Sudo is still being asked: what it will say is not known yet. */
  get asking(): boolean {
    return this.#asked > 0;
  }

  /** Why the plan may not begin although the scenario itself has all it needs. */
  get refuses(): readonly string[] {
    return this.#refuses;
  }

  async check(scenario: Scenario, state: IncidentState): Promise<void> {
    // A host that does not answer is no answer about sudo; one that hangs must not hold up the rest.
    const wanted = [...rootCommands(scenario, state)].filter(([name]) => state.facts[name]?.reachable === true);
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(SUDO_MS)]);
    this.#asked += 1;
    const refused = await Promise.all(
      wanted.map(async ([name, argvs]) => {
        const no = await this.#hosts
          .get(name)
          .refusedByRoot(argvs, signal)
          .catch(() => []);
        const programs = [...new Set(no.map((argv) => argv[0] ?? ''))];
        return programs.length === 0
          ? []
          : [
              `sudo on ${name} would not run ${programs.join(', ')}: allow it in its sudoers (or install it), then choose the scenario again.`,
            ];
      }),
    );
    this.#refuses = refused.flat();
    this.#asked -= 1;
  }
}
