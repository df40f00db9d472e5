import { EXIT, ProblemError } from '../../base/problem.js';
import { contextOf } from '../../incident/state.js';
import { HERE } from '../../incident/step.js';
import { clusterOf } from '../cluster-of.js';
import { lookedAtState } from '../looked-at.js';
import { json, out } from '../output.js';
import { planDocument, planMarkdown, planShell, planText } from '../plan-text.js';
import { scenarios, suggestPrimary } from '../views.js';
import { type InventoryOption, inventoryOf, lookOnce, newestOf } from './shared.js';

export interface PlanOptions extends InventoryOption {
  readonly primary?: string;
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
  if (
    options.primary !== undefined &&
    !cluster.hosts.some((host) => host.name === options.primary && host.role === 'server')
  ) {
    throw new ProblemError(
      {
        id: 'usage',
        what: `${options.primary} is no server of ${cluster.name}.`,
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
  const primary = options.primary ?? suggestPrimary(contextOf(looked, HERE, 1, true));
  const snapshot = options.snapshot ?? (await newestOf(inventory));
  const document = planDocument(scenario, {
    ...looked,
    choices: {
      ...looked.choices,
      ...(primary === undefined ? {} : { primary }),
      ...(snapshot === undefined ? {} : { snapshot }),
    },
  });
  if (format === 'json') json(document);
  else
    out(
      { text: planText, markdown: planMarkdown, shell: planShell }[format as 'text' | 'markdown' | 'shell'](document),
    );
  return EXIT.ok;
}
