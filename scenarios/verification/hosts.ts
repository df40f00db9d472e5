import { look } from '../../src/incident/command.js';
import type { StepContext } from '../../src/incident/step.js';
import { parseNodes } from '../../src/k3s/health.js';
import { itemPath, parseCertificates, parseContainers, parseItems } from '../../src/k3s/items.js';
import { agentsIn, k3sTools, nodeNameOf, serversIn } from '../steps/hosts.js';
import { at, bytes } from '../steps/judge.js';
import { type Check, fail, get, info, kube, named, pass } from './check.js';

/** Nodes and servers: whether they are Ready, vote, have valid certificates, and what still stands on them. */

export const nodes: Check = {
  id: 'nodes',
  title: 'All nodes Ready, all servers voters',
  ask: (seen) => [kube(seen, 'get', 'nodes', '-o', 'json')],
  judge: (answers, { context }) => {
    const found = parseNodes(at(answers, 0).stdout) ?? [];
    const expected = [...serversIn(context), ...agentsIn(context)].map((host) => nodeNameOf(context, host));
    const notReady = expected.filter((name) => found.find((node) => node.name === name)?.ready !== 'True');
    const servers = serversIn(context).map((host) => nodeNameOf(context, host));
    const noVoter = servers.filter((name) => {
      const voter = found.find((node) => node.name === name)?.voter;
      return voter !== undefined && voter !== 'True';
    });
    if (notReady.length > 0)
      return fail(
        `not Ready: ${named(notReady)}`,
        'Look at the journal of its K3s; an agent is restarted with: systemctl restart k3s-agent',
      );
    if (noVoter.length > 0)
      return fail(
        `Ready, but not (yet) voting in etcd: ${named(noVoter)}`,
        'The condition lags by up to half a minute. If it stays, look at etcd’s lines in its journal.',
      );
    return pass(`${expected.length} of ${expected.length} Ready, ${servers.length} voters`);
  },
};

export const goneNodes: Check = {
  id: 'gone-nodes',
  title: 'No Node that exists only in the backup',
  ask: (seen) => [kube(seen, 'get', 'nodes', '-o', 'json')],
  judge: (answers, { context }) => {
    const hosts = new Set(context.cluster.hosts.map((host) => nodeNameOf(context, host.name)));
    const gone = (parseNodes(at(answers, 0).stdout) ?? []).map((node) => node.name).filter((name) => !hosts.has(name));
    return gone.length === 0
      ? pass('every Node has a host in the inventory')
      : fail(
          `without a host: ${named(gone)}`,
          `If it is gone for good: kubectl delete node ${gone[0]}. If it exists, add it to the inventory.`,
        );
  },
};

export const certificates: Check = {
  id: 'certificates',
  title: 'Certificates are valid',
  ask: ({ context }) =>
    serversIn(context).map((host) =>
      look(['timeout', '30', ...k3sTools(context, host), 'certificate', 'check'], { on: host }),
    ),
  judge: (answers, { context }) => {
    const checks = answers.map((one) => parseCertificates(`${one.stdout}\n${one.stderr}`));
    const bad = checks.flatMap((check, index) =>
      (check?.bad ?? []).map((text) => `${serversIn(context)[index]}: ${text}`),
    );
    const known = checks.filter((check) => check !== undefined);
    if (known.length === 0) return info('this K3s does not list them (k3s certificate check)');
    if (bad.length > 0)
      return fail(
        named(bad),
        'A restart of K3s renews certificates that are near their end: systemctl restart k3s. Never rotate-ca for this (blackstart lookup rotate-ca).',
      );
    const first = known.flatMap((check) => check.first ?? []).sort()[0] ?? '';
    return pass(
      `${known.reduce((sum, check) => sum + check.ok, 0)} valid on ${known.length} servers, the first until ${first.slice(0, 10)}`,
    );
  },
};

export const containers: Check = {
  id: 'containers',
  title: 'Containers are those of the API',
  ask: (seen) => [
    get(seen, 'pods'),
    ...hostsWithContainers(seen.context).map((host) =>
      look(['timeout', '20', ...k3sTools(seen.context, host), 'crictl', 'ps', '-o', 'json'], {
        on: host,
        maxBytes: 16e6,
      }),
    ),
  ],
  judge: (answers, { context }) => {
    const pods = parseItems(at(answers, 0).stdout);
    if (at(answers, 0).code !== 0 || pods === undefined)
      return { result: 'unknown', seen: 'the API does not list pods' };
    const known = new Set(pods.map(itemPath));
    const hosts = hostsWithContainers(context);
    const left = hosts.flatMap((host, index) =>
      (parseContainers(at(answers, index + 1).stdout) ?? [])
        .filter((one) => !known.has(one.pod))
        .map((one) => ({ host, text: `${one.pod} on ${host}` })),
    );
    const silent = hosts.filter((_host, index) => parseContainers(at(answers, index + 1).stdout) === undefined);
    if (left.length > 0)
      return fail(
        `run without a pod in the API: ${named(left.map((one) => one.text))}`,
        `The kubelet removes them within minutes. If they stay and everything on ${left[0]?.host} may stop: open the console again and choose the plan Clear a host, which shows what runs there first.`,
      );
    return pass(
      `nothing runs that the API does not know${silent.length === 0 ? '' : ` (not told by ${named(silent)})`}`,
    );
  },
};

const hostsWithContainers = (context: StepContext): string[] =>
  [...serversIn(context), ...agentsIn(context)].filter((host) => context.facts(host).reachable);

export const leftovers: Check = {
  id: 'leftovers',
  title: 'Nothing of the restore is left in the way',
  ask: () => [],
  judge: (_answers, { context }) => {
    const held = serversIn(context).filter((host) => context.facts(host).held === true);
    if (held.length > 0)
      return fail(
        `held, so K3s cannot start after a reboot: ${named(held)}`,
        'Finish or undo the run; by hand: remove the file and the drop-in that the drop-in itself names, then systemctl daemon-reload.',
      );
    const flags = serversIn(context).filter((host) => context.facts(host).data?.resetFlag === true);
    if (flags.length > 0)
      return fail(
        `reset-flag still there: ${named(flags)}`,
        'It goes on the first good start. If K3s runs well, look at its journal.',
      );
    const aside = serversIn(context).flatMap((host) => context.facts(host).data?.aside ?? []);
    const size = context.cluster.hosts.reduce((sum, host) => {
      const known = context.known('leftovers', 'aside', host.name) as { bytes: number }[] | undefined;
      return sum + (known ?? []).reduce((one, each) => one + each.bytes, 0);
    }, 0);
    return aside.length === 0
      ? pass('no hold, no reset-flag, no old data')
      : info(
          `no hold, no reset-flag; ${aside.length} old databases kept${size === 0 ? '' : ` (${bytes(size)})`}`,
          'Remove them when nobody needs them any more; the report names each.',
        );
  },
};
