import { inertText } from '../base/inert.js';
import type { Cluster } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';

/** What was there before anything was changed, as a page for people: it must be readable when nothing else is left. */

/** What one question to the API was answered. */
export interface ApiAnswer {
  readonly title: string;
  readonly command: string;
  readonly text: string;
}

export interface BeforeInput {
  readonly cluster: Cluster;
  readonly at: number;
  readonly facts: Readonly<Record<string, HostFacts>>;
  readonly api: { readonly host: string; readonly answers: readonly ApiAnswer[] } | { readonly silent: string };
}

export function beforeMarkdown({ cluster, at, facts, api }: BeforeInput): string {
  const members = Object.entries(facts).flatMap(([host, one]) =>
    one.members === undefined ? [] : [{ host, members: one.members }],
  );
  return [
    `# ${cluster.name} before anything was changed`,
    '',
    `Written ${new Date(at).toISOString()}.`,
    '',
    '## Hosts',
    '',
    ...cluster.hosts.flatMap((host) => hostLines(host.name, host.role, facts[host.name])),
    '',
    '## etcd members',
    '',
    ...(members.length === 0
      ? ['No server lists its members.']
      : members.flatMap(({ host, members: all }) => [
          `As ${host} has them:`,
          ...all.map((one) => `- ${one.name} ${one.id} ${one.peer}${one.learner ? ' (learner)' : ''}`),
        ])),
    '',
    ...('silent' in api
      ? ['## Objects', '', `No API answered: ${api.silent}`]
      : api.answers.flatMap(({ title, command, text }) => [
          `## ${title}`,
          '',
          `\`${command}\` on ${api.host}:`,
          '',
          '```',
          inertText(text).trimEnd().replaceAll('```', "'''"),
          '```',
          '',
        ])),
    '',
  ].join('\n');
}

function hostLines(name: string, role: string, facts: HostFacts | undefined): string[] {
  if (facts === undefined || !facts.reachable)
    return [`- **${name}** (${role}): ${facts?.problem?.what ?? 'not seen'}`];
  const { service, data, etcd } = facts;
  const parts = [
    service === undefined
      ? 'no K3s'
      : `K3s ${service.version}, unit ${service.unit.active}${service.unit.crashLoop ? ', crash loop' : ''}, ${service.unit.enabled}`,
    service === undefined ? '' : `arguments ${service.args.join(' ') || 'none'}`,
    service?.tokenHash === undefined ? '' : `token hash ${service.tokenHash}`,
    etcd === undefined ? '' : etcd.healthy ? 'etcd healthy' : `etcd: ${etcd.reason}`,
    data === undefined
      ? ''
      : `${data.datastore} data${data.dbBytes === undefined ? '' : `, database ${data.dbBytes} bytes`}${data.resetFlag ? ', reset-flag' : ''}`,
    facts.caHash === undefined ? '' : `CA ${facts.caHash}`,
    facts.os ?? '',
    facts.machineId === undefined ? '' : `machine ${facts.machineId}`,
  ];
  return [`- **${name}** (${role}): ${parts.filter((part) => part !== '').join('; ')}`];
}
