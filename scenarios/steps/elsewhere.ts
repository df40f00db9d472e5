import { act, look } from '../../src/incident/command.js';
import { type GateCheck, HERE, type Step, type StepContext } from '../../src/incident/step.js';
import { canConnect, kubectl, listDirectory } from '../../src/k3s/ask.js';
import { parseEntries } from '../../src/k3s/listing.js';
import { AGENT_CERTIFICATES } from '../../src/k3s/paths.js';
import { factCheck, tokenCheck } from './checks.js';
import { provenBackup } from './fetch.js';
import { agentsIn, k3sTools, nodeNameOf, pathsOf, peersOf, primaryName } from './hosts.js';
import { at, failed, minutes, no, seconds, silence, yes } from './judge.js';

/** What differs where a cluster takes over the data of another one: whose it is, that it is cut off from it, and certificates and passwords of before. */

const aside = (name: string, context: StepContext): string => `${name}.pre-rejoin-${context.runId}`;

/** Why this cluster must not be overwritten with another one's backup; empty where its inventory says that it is there for that. */
export function notForRehearsal(context: StepContext): string[] {
  return context.cluster.rehearsal === undefined
    ? [
        `${context.cluster.name} is not marked as a cluster for rehearsals. Only where all of it may be overwritten: rehearsal: { of: PRODUCTION } in its cluster.yaml, then open the console again.`,
      ]
    : [];
}

/**
 * Which cluster the snapshot is of and which one is overwritten. What would be restored on the very hosts it was taken on is refused: nodes
 * of the same names that hold the same cluster are either production, or a rehearsal of before, and nobody can tell which.
 */
export const whoseCheck = factCheck(
  'the snapshot is of another cluster, and this one may be overwritten',
  HERE,
  (_answers, context) => {
    const { rehearsal, name, hosts } = context.cluster;
    const proof = provenBackup(context);
    if (rehearsal === undefined || proof === undefined) return failed(notForRehearsal(context));
    const evidence = (proof.identityEvidence ?? []).join('; ');
    const states = `OVERWRITES ${name} (${hosts.map((host) => host.name).join(', ')}) with ${proof.name} of ${rehearsal.of}`;
    if (proof.identity === 'another-cluster') return yes([states, evidence]);
    const known = new Set(proof.nodes.map((node) => node.name));
    const same = hosts.map((host) => nodeNameOf(context, host.name)).filter((node) => known.has(node));
    if (proof.identity === 'this-cluster' && same.length > 0)
      return failed([
        `${same.join(', ')} hold the very cluster this snapshot is of (${evidence}): it is ${rehearsal.of} itself, or a rehearsal of before. Set up the hosts of the rehearsal anew`,
      ]);
    return yes([
      states,
      proof.identity === 'this-cluster'
        ? `the hosts hold ${rehearsal.of} from a rehearsal of before, under node names of their own`
        : `nothing tells whose it is${evidence === '' ? '' : `, only that ${evidence}`}: compare its CA ${proof.caHash?.slice(0, 12) ?? '(none named)'} with that of ${rehearsal.of}`,
    ]);
  },
);

/** Host and port of `host:port`, IPv6 in brackets. */
function split(address: string): [string, number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))];
}

/** Seen from the host itself: none of production's addresses may answer. */
export const isolationCheck = (host: string): GateCheck => ({
  title: 'is cut off from production',
  host,
  question: {
    ask: (context) =>
      (context.cluster.rehearsal?.unreachable ?? []).map((address) =>
        look(canConnect(...split(address)), { root: false }),
      ),
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const addresses = context.cluster.rehearsal?.unreachable ?? [];
      const reached = addresses.filter((_, index) => Number(at(answers, index).stdout.trim()) > 0);
      const blind = addresses.filter((_, index) => !/^\d+\.\d+$/.test(at(answers, index).stdout.trim()));
      if (reached.length > 0)
        return failed([
          `it reaches ${reached.join(', ')}: what wakes here would act on production. Cut the network first`,
        ]);
      if (blind.length > 0) return failed([`it could not be asked whether it reaches ${blind.join(', ')} (curl)`]);
      return addresses.length === 0
        ? yes(['your word: no address of production is named to try (rehearsal: unreachable in cluster.yaml)'])
        : yes([`it does not reach ${addresses.join(', ')}`]);
    },
  },
});

/** What acts by itself as soon as the restored cluster starts, on whatever it reaches. */
export const wakesCheck = factCheck('what wakes with it can do no harm here: your word', HERE, (_answers, context) => {
  const wakes = provenBackup(context)?.wakes ?? [];
  const more = wakes.length > 12 ? [`and ${wakes.length - 12} more: blackstart verify shows them`] : [];
  return yes(
    wakes.length === 0
      ? ['your word that its Deployments can do no harm here; no CronJob, webhook or GitOps object is known in it']
      : [`your word that what acts by itself can do no harm here: ${wakes.slice(0, 12).join(', ')}`, ...more],
  );
});

/** A peer joins with the token it is configured with: its token file is that of the cluster it was in. */
export const joinTokenCheck = (host: string): GateCheck => {
  const check = tokenCheck(host);
  return factCheck(check.title, host, (answers, context) =>
    context.facts(host).service !== undefined && context.facts(host).service?.tokenHash === undefined
      ? failed(['no token is configured, and its token file is of the cluster it was in: set that of the backup'])
      : check.question.judge(answers, context),
  );
};

/** With `tls` and `cred` gone K3s writes them from what it learns when it joins; those of another cluster keep it out (facts 1.10, #5714). */
export const asideIdentity: Step = {
  id: 'identity-aside',
  title: 'Move tls and cred of the old cluster aside',
  runbook: 'not on paper: a restore test on another cluster fails here',
  effect: 'destroy',
  why: 'They carry another CA than the restored data: K3s would not start with them, and writes them anew when it joins.',
  gate: 'release',
  done: {
    ask: (context) => [look(listDirectory(pathsOf(context).server))],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return yes(['a fresh server: there is none']);
      const names = parseEntries(at(answers, 0).stdout).map((entry) => entry.name);
      const there = ['tls', 'cred'].filter((name) => names.includes(name));
      if (there.length > 0) return no(`server/${there.join(', server/')} in place`);
      const kept = ['tls', 'cred'].map((name) => aside(name, context)).filter((name) => names.includes(name));
      return yes(kept.length === 0 ? ['there was none'] : kept.map((name) => `kept as server/${name}`), {
        kept: kept.map((name) => `${pathsOf(context).server}/${name}`),
      });
    },
  },
  // Where one is not there, or was moved before the connection was lost, mv says so with 1.
  run: (context) =>
    [pathsOf(context).tls, pathsOf(context).cred].map((path) =>
      act(['mv', '-T', path, aside(path, context)], { expect: [0, 1] }),
    ),
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'after the release the restored cluster is the only one' },
  lookup: ['40', '41'],
};

const certificates = (context: StepContext): string[] =>
  AGENT_CERTIFICATES.map((name) => `${pathsOf(context).dataDir}/agent/${name}`);

/** A kubelet that still shows a certificate of the old CA is refused (symptom 41); without one it asks for another by its token. */
const kubeletCertificates: Omit<Step, 'id' | 'gate' | 'run' | 'undo'> = {
  title: 'Move the certificates of its agent aside',
  runbook: 'not on paper: a restore test on another cluster fails here',
  effect: 'change',
  why: 'They are of the old CA. Without them its agent asks for new ones with its token when K3s starts.',
  done: {
    ask: (context) => [look(listDirectory(`${pathsOf(context).dataDir}/agent`))],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const left = parseEntries(at(answers, 0).stdout).filter((entry) => AGENT_CERTIFICATES.includes(entry.name));
      return left.length === 0 ? yes(['none in place']) : no(`${left.length} in place`);
    },
  },
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  lookup: ['41', '44'],
};

const moveCertificates = (context: StepContext) =>
  certificates(context).map((path) => act(['mv', '-T', path, aside(path, context)], { expect: [0, 1] }));

export const primaryCertificates: Step = {
  ...kubeletCertificates,
  id: 'primary-certificates',
  gate: 'start',
  run: moveCertificates,
  undo: {
    title: 'Put the certificates of its agent back',
    effect: 'change',
    run: (context) =>
      certificates(context).map((path) => act(['mv', '-T', aside(path, context), path], { expect: [0, 1] })),
    done: {
      ask: (context) => [look(listDirectory(`${pathsOf(context).dataDir}/agent`))],
      judge: (answers, context) => {
        const quiet = silence(answers);
        if (quiet !== undefined) return quiet;
        const names = parseEntries(at(answers, 0).stdout).map((entry) => entry.name);
        const left = names.filter((name) => name.endsWith(aside('', context)));
        return left.length === 0 ? yes(['back, or none was moved']) : no(`${left.length} still aside`);
      },
    },
  },
};

export const peerCertificates: Step = {
  ...kubeletCertificates,
  id: 'peer-certificates',
  gate: 'release',
  run: moveCertificates,
  undo: { none: 'after the release the restored cluster is the only one' },
};

/** An agent runs while the servers are restored; it is stopped first, or it would write them again. */
export const agentCertificates: Step = {
  ...kubeletCertificates,
  id: 'agent-certificates',
  title: 'Stop the agent, move its certificates aside',
  gate: 'release',
  run: (context) => [
    act(['systemctl', 'stop', pathsOf(context).unit], { timeoutMs: minutes(3), expect: [0, 5] }),
    ...moveCertificates(context),
  ],
  undo: { none: 'after the release the restored cluster is the only one' },
  skippable: 'An agent that stays away is Not Ready in the API; it can be joined anew later.',
};

/** K3s keeps a hash of each node's password in this Secret; the primary's own it removes itself after a reset (facts 1.4, 3.7). */
const passwordSecrets = (context: StepContext): string[] =>
  [...peersOf(context), ...agentsIn(context)].map((host) =>
    `${nodeNameOf(context, host)}.node-password.k3s`.toLowerCase(),
  );

export const forgetPasswords: Step = {
  id: 'node-passwords',
  title: 'Forget the node passwords of the other cluster',
  runbook: 'not on paper: hosts named as those of the other cluster are refused',
  effect: 'destroy',
  why: 'The backup holds the password of each of its nodes. A host of the same name has another and would be rejected (symptom 49); it registers a new one.',
  gate: 'release',
  when: (context) =>
    passwordSecrets(context).length === 0 ? { run: 'no', because: 'no other host takes part' } : { run: 'yes' },
  done: {
    ask: (context) => [
      look(
        kubectl(
          k3sTools(context, primaryName(context)),
          'get',
          'secrets',
          '-n',
          'kube-system',
          ...passwordSecrets(context),
          '--ignore-not-found',
          '-o',
          'name',
        ),
        { on: primaryName(context) },
      ),
    ],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return no('the API did not answer');
      const left = at(answers, 0)
        .stdout.split('\n')
        .filter((line) => line !== '');
      return left.length === 0 ? yes(['none is kept for these hosts']) : no(`kept for ${left.length} of these hosts`);
    },
  },
  run: (context) => [
    act(
      kubectl(
        k3sTools(context, primaryName(context)),
        'delete',
        'secrets',
        '-n',
        'kube-system',
        ...passwordSecrets(context),
        '--ignore-not-found',
      ),
    ),
  ],
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(5),
  undo: { none: 'after the release the restored cluster is the only one' },
  lookup: ['49'],
};
