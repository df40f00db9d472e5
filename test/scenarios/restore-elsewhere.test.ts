import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fullRestore } from '../../scenarios/full-restore.js';
import { restoreElsewhere } from '../../scenarios/restore-elsewhere.js';
import { isolationCheck, joinTokenCheck, whoseCheck } from '../../scenarios/steps/elsewhere.js';
import type { ProvenBackup } from '../../scenarios/steps/fetch.js';
import { triageView } from '../../src/cli/views.js';
import { scenarioFaults } from '../../src/incident/plan.js';
import { HERE, type StepContext } from '../../src/incident/step.js';
import { dataText } from '../../src/practice/data.js';
import { practiceCluster, provenSnapshot, rehearsalCluster } from '../support/practice-ports.js';
import { Rig, until } from '../support/rig.js';

const SERVER = '/var/lib/rancher/k3s/server';
const AGENT = '/var/lib/rancher/k3s/agent';

let rig: Rig | undefined;
let foreign: ProvenBackup;
beforeAll(async () => {
  foreign = await provenSnapshot('foreign');
});
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function begun(elsewhere = true): Promise<Rig> {
  const one = await Rig.start({ faults: ['healthy'], elsewhere });
  rig = one;
  return one;
}

async function members(one: Rig): Promise<string[]> {
  const said = (await one.run('node-1', 'curl -s -k https://127.0.0.1:6443/db/info')).stdout;
  const parsed = JSON.parse(said) as { members: { name: string; isLearner?: boolean }[] };
  return parsed.members.filter((member) => member.isLearner !== true).map((member) => member.name.slice(0, 6));
}

describe('restoring another cluster’s backup on purpose', () => {
  test('has no fault as data', () => expect(scenarioFaults(restoreElsewhere)).toEqual([]));

  test('overwrites a healthy cluster: three voters with the other CA, agents joined anew, what was there kept aside', async () => {
    const one = await begun();
    await one.choose(undefined, restoreElsewhere.id);
    one.runner.begin();
    await one.play();
    expect(one.runner.attention).toEqual({ kind: 'none' });
    expect(one.runner.state.ended?.outcome).toBe('recovered');
    expect((await members(one)).sort()).toEqual(['node-1', 'node-2', 'node-3']);
    for (const node of ['node-1', 'node-2', 'node-3']) {
      const ca = (await one.run(node, `sha256sum ${SERVER}/tls/server-ca.crt`)).stdout.slice(0, 64);
      expect(ca).toBe(foreign.caHash);
    }
    const kept = (await one.run('node-2', `ls -1 ${SERVER}`)).stdout;
    expect(kept).toMatch(/^tls\.pre-rejoin-/m);
    expect(kept).toMatch(/^cred\.pre-rejoin-/m);
    for (const node of ['node-4', 'node-5']) {
      expect((await one.run(node, `cat ${AGENT}/server-ca.crt`)).stdout).not.toBe(dataText('server-ca.crt'));
      expect((await one.run(node, 'systemctl is-active k3s-agent')).stdout.trim()).toBe('active');
    }
  });

  test('is undone until the others are let go: database, CA and the certificates of its agent are those of before', async () => {
    const one = await begun();
    await one.choose(undefined, restoreElsewhere.id);
    one.runner.begin();
    await one.play(() => one.runner.attention.kind === 'gate' && one.runner.attention.gate === 'release');
    const ca = async () => (await one.run('node-1', `cat ${AGENT}/server-ca.crt ${SERVER}/tls/server-ca.crt`)).stdout;
    expect(await ca()).not.toContain(dataText('server-ca.crt'));
    one.runner.undo('the test is over');
    await one.play();
    expect(one.runner.state.ended?.outcome).toBe('undone');
    expect(await ca()).toBe(dataText('server-ca.crt').repeat(2));
    expect((await one.run('node-1', `ls ${AGENT}`)).stdout).not.toContain('pre-rejoin');
  });

  test('its first gate takes the word that it is isolated, and says which cluster is overwritten with whose backup', async () => {
    const one = await begun();
    await one.choose(undefined, restoreElsewhere.id);
    one.runner.begin();
    await until(() => one.runner.attention.kind === 'gate', 'the first gate');
    const gate = await one.runner.openGate();
    expect(gate.typed).toBe('isolated');
    const facts = gate.facts.map((fact) => fact.text).join('\n');
    expect(facts).toContain('OVERWRITES practice');
    expect(facts).toContain('of production');
    expect(facts).toContain('does not reach 192.0.2.11:6443');
    expect(await one.runner.confirmGate('practice')).toBe('mistyped');
    expect(one.events.some((event) => event.type === 'sent' && event.step === 'stop')).toBe(false);
  });

  test('is neither offered nor begun where the inventory does not say that the cluster may be overwritten', async () => {
    const one = await begun(false);
    await one.choose(undefined, restoreElsewhere.id);
    expect(() => one.runner.begin()).toThrow(/not marked as a cluster for rehearsals/);
    const offered = (cluster: typeof practiceCluster) =>
      triageView(cluster, one.runner.state.facts, { newest: undefined, now: 0 }).options;
    expect(offered(practiceCluster).map((option) => option.id)).not.toContain(restoreElsewhere.id);
    const marked = offered(rehearsalCluster).find((option) => option.id === restoreElsewhere.id);
    expect(marked).toMatchObject({ recommended: false, loses: expect.stringContaining('everything') });
  });

  test('a backup that was proven for it does not count for a full restore, which refuses it', async () => {
    const one = await begun();
    await one.choose(undefined, restoreElsewhere.id);
    const fetched = () => one.runner.state.cells[`fetch@${HERE}`];
    expect(fetched()?.status).toMatch(/done|already/);
    one.runner.chooseScenario(fullRestore.id);
    await until(() => fetched()?.status === 'failed', 'the refusal');
    expect(fetched()?.trouble?.what).toContain('of another cluster');
    one.runner.chooseScenario(restoreElsewhere.id);
    await until(() => /done|already/.test(fetched()?.status ?? ''), 'the proof for elsewhere');
  });
});

describe('whose snapshot it is', () => {
  const judged = (proof: Partial<ProvenBackup>, cluster = rehearsalCluster) =>
    whoseCheck.question.judge([], {
      cluster,
      known: () => ({ ...foreign, ...proof }),
      facts: () => ({ reachable: true }),
    } as unknown as StepContext);

  test.each([
    ['another cluster’s', {}, 'yes'],
    ['nobody can tell', { identity: 'cannot-tell' }, 'yes'],
    ['this cluster’s, on hosts of the same names: production itself', { identity: 'this-cluster' }, 'failed'],
    [
      'that of a rehearsal before, on hosts of their own names',
      { identity: 'this-cluster', nodes: [{ name: 'prod-1', version: 'v1.35.0+k3s1' }] },
      'yes',
    ],
  ] as const)('%s', (_what, proof, answer) => expect(judged(proof as Partial<ProvenBackup>).answer).toBe(answer));

  test('is refused on a cluster that is not marked', () => expect(judged({}, practiceCluster).answer).toBe('failed'));
});

describe('cut off from production', () => {
  const judged = (said: readonly string[], unreachable = ['192.0.2.11:6443', '[2001:db8::1]:6443']) => {
    const context = {
      cluster: { ...rehearsalCluster, rehearsal: { of: 'prod', unreachable } },
    } as unknown as StepContext;
    const { ask, judge } = isolationCheck('node-1').question;
    const asked = ask(context).map((command) => ('argv' in command ? command.argv.at(-1) : ''));
    const answers = said.map((stdout) => ({ argv: [], code: 0, stdout, stderr: '' }));
    return { asked, ...judge(answers, context) };
  };

  test('is tried from the host itself, IPv6 too', () => {
    const { asked, answer } = judged(['0.000000', '0.000000']);
    expect(asked).toEqual(['https://192.0.2.11:6443', 'https://[2001:db8::1]:6443']);
    expect(answer).toBe('yes');
  });

  test('one address that answers closes the gate, and so does one that could not be tried', () => {
    expect(judged(['0.000000', '0.004200'])).toMatchObject({
      answer: 'failed',
      evidence: [expect.stringContaining('it reaches [2001:db8::1]:6443')],
    });
    expect(judged(['', '0.000000']).answer).toBe('failed');
  });

  test('without an address it is the operator’s word', () =>
    expect(judged([], []).evidence[0]).toMatch(/^your word: no address/));
});

test('a peer without a configured token would join with that of the cluster it was in: refused', () => {
  const judged = (service: object) =>
    joinTokenCheck('node-2').question.judge([], {
      known: () => foreign,
      facts: () => ({ reachable: true, service }),
    } as unknown as StepContext).answer;
  expect(judged({})).toBe('failed');
  expect(judged({ tokenHash: 'another', tokenFrom: 'config' })).toBe('failed');
  expect(judged({ tokenHash: foreign.tokenHash, tokenFrom: 'config' })).toBe('yes');
});

test('the node passwords of hosts named as those of the other cluster are forgotten before these join', async () => {
  const secret = 'node-2.node-password.k3s';
  const held = (one: Rig): string[] => {
    const running = [...one.cluster.node('node-1').state.procs.values()].find((proc) => proc.k3s !== undefined);
    return one.cluster.node('node-1').etcd.lineage(running?.k3s?.wal?.lineage ?? '').objects;
  };
  const one = await Rig.start({
    faults: ['healthy'],
    elsewhere: true,
    // The recorded lab had one node only: the Secret of another is put where the restored data would hold it.
    kept: (event, at) => {
      if (event.type === 'step-ended' && event.step === 'verify-primary')
        held(at).push(`secrets kube-system/${secret}`);
    },
  });
  rig = one;
  await one.choose(undefined, restoreElsewhere.id);
  one.runner.begin();
  await one.play(() => one.runner.state.cells['aside@node-2']?.endedAt !== undefined);
  expect(one.runner.state.cells['node-passwords@node-1']?.status).toBe('done');
  expect(held(one)).not.toContain(`secrets kube-system/${secret}`);
  expect(held(one)).toContain('secrets kube-system/k3s-serving');
});
