import { clearOneHost } from '../../../scenarios/clear-host.js';
import { WAYS } from '../../../scenarios/steps/member.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { contextOf, type IncidentState } from '../../incident/state.js';
import { type ChoiceKey, HERE, type Scenario } from '../../incident/step.js';
import { clusterOf } from '../cluster-of.js';
import { lookedAtState } from '../looked-at.js';
import { json, out } from '../output.js';
import { planDocument, planMarkdown, planShell, planText } from '../plan-text.js';
import { scenarios, suggestPrimary } from '../views.js';
import { type InventoryOption, inventoryOf, lookOnce, newestOf } from './shared.js';

export interface PlanOptions extends InventoryOption {
  readonly primary?: string;
  readonly target?: string;
  readonly way?: string;
  readonly snapshot?: string;
  readonly format: string;
  readonly json: boolean;
}

/** Looks at the hosts, then writes what would be done. Only asks: a test shows that no byte changes on any node. */
export async function planCommand(id: string, options: PlanOptions): Promise<number> {
  const scenario = scenarios.get(id);
  if (scenario === undefined)
    throw new ProblemError(
      { id: 'usage', what: `There is no scenario ${id}.`, next: `Known: ${[...scenarios.keys()].join(', ')}.` },
      EXIT.usage,
    );
  const format = options.json ? 'json' : options.format;
  if (!['text', 'markdown', 'shell', 'json'].includes(format)) {
    throw new ProblemError(
      { id: 'usage', what: `There is no format ${format}.`, next: 'One of: text, markdown, shell, json.' },
      EXIT.usage,
    );
  }
  const inventory = await inventoryOf(options);
  const cluster = clusterOf(inventory);
  for (const name of [options.primary, options.target]) {
    if (name === undefined || inventory.servers.some((one) => one.name === name)) continue;
    // An agent can be cleared, too.
    if (id === clearOneHost.id && name === options.target && inventory.agents.some((one) => one.name === name))
      continue;
    throw new ProblemError(
      {
        id: 'usage',
        what: `${name} is no server of ${cluster.name}.`,
        next: `Servers: ${inventory.servers.map((one) => one.name).join(', ')}.`,
      },
      EXIT.usage,
    );
  }
  const facts = await lookOnce(inventory);
  const silent = Object.entries(facts)
    .filter(([, one]) => !one.reachable)
    .map(([name]) => name);
  const servers = new Set(inventory.servers.map((one) => one.name));
  const looked = lookedAtState(inventory, facts, {
    fenced: silent.filter((name) => servers.has(name)),
    left: silent.filter((name) => !servers.has(name)),
  });
  const snapshot =
    scenario.backup === 'unused' ? undefined : (options.snapshot ?? (await newestOf(inventory).catch(() => undefined)));
  const document = planDocument(
    scenario,
    chosen(scenario, looked, { ...given(scenario, options), ...(snapshot === undefined ? {} : { snapshot }) }),
  );
  if (format === 'json') json(document);
  else
    out(
      { text: planText, markdown: planMarkdown, shell: planShell }[format as 'text' | 'markdown' | 'shell'](document),
    );
  return EXIT.ok;
}

/** The choices that were given on the command line. Throws where the scenario does not know one of their values. */
function given(scenario: Scenario, options: PlanOptions): Partial<Record<ChoiceKey, string>> {
  const { primary, target, way } = options;
  const all = Object.entries({ primary, target, way }).filter(([, value]) => value !== undefined);
  for (const [key, value] of all) {
    const asked = scenario.asks.find((one) => one.key === key);
    const known = key === 'way' && asked !== undefined ? WAYS.map(String) : undefined;
    if (asked === undefined || (known !== undefined && !known.includes(value ?? ''))) {
      throw new ProblemError(
        {
          id: 'usage',
          what: asked === undefined ? `${scenario.title} asks for no ${key}.` : `There is no ${key} ${value}.`,
          next:
            known === undefined
              ? `It asks for: ${scenario.asks.map((one) => one.key).join(', ')}.`
              : `One of: ${known.join(', ')}.`,
        },
        EXIT.usage,
      );
    }
  }
  return Object.fromEntries(all);
}

/** The state with what is given, and with what one would choose for the rest. */
function chosen(scenario: Scenario, looked: IncidentState, given: Partial<Record<ChoiceKey, string>>): IncidentState {
  let state: IncidentState = { ...looked, choices: { ...looked.choices, ...given } };
  // One suggestion may rest on another: which server failed, then what is done with it.
  for (let round = 0; round < 4; round++) {
    const context = contextOf(state, HERE, 1, true);
    const primary = scenario.suggests === undefined ? suggestPrimary(context) : undefined;
    const more = { ...(primary === undefined ? {} : { primary }), ...scenario.suggests?.(context) };
    state = { ...state, choices: { ...state.choices, ...more, ...given } };
  }
  return state;
}
