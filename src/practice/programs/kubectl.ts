import { dataText } from '../data.js';
import { passwordSecret } from '../k3s/node-password.js';
import type { Lineage } from '../k3s/ports.js';
import type { PracticeNode } from '../node/node.js';
import { type KubeObject, kindIn, kindOf, listObjects, nodeObject, podObject } from './objects.js';
import { type Parsed, parseOptions, type Run } from './run.js';
import { serverOn, servingApi } from './serving.js';
import { objectTable } from './tables.js';

const TABLE = {
  o: true,
  output: true,
  A: false,
  'all-namespaces': false,
  n: true,
  namespace: true,
  'request-timeout': true,
  raw: true,
  image: true,
  restart: true,
  command: false,
  'no-headers': false,
  for: true,
  timeout: true,
  wait: true,
  'ignore-not-found': false,
  'grace-period': true,
  force: false,
  now: false,
  overwrite: false,
  l: true,
  selector: true,
  'field-selector': true,
  kubeconfig: true,
  server: true,
  s: true,
  overrides: true,
  'image-pull-policy': true,
  rm: false,
  i: false,
  quiet: false,
  q: false,
  'show-labels': false,
  tail: true,
  labels: true,
  'sort-by': true,
  context: true,
  'chunk-size': true,
  dry: true,
} as const;

const spanMs = (text: string | undefined, otherwise: number): number => {
  const match = /^(\d+)(ms|s|m)?$/.exec(text ?? '');
  return match ? Number(match[1]) * ({ ms: 1, s: 1000, m: 60_000 }[match[2] ?? 's'] ?? 1000) : otherwise;
};

/** `k3s kubectl`: answers from the history this node's API serves; without quorum it hangs, as the real one (R34). */
export async function kubectl(node: PracticeNode, run: Run): Promise<number> {
  const dash = run.argv.indexOf('--');
  const tail = dash < 0 ? [] : run.argv.slice(dash + 1);
  // A bare `--wait=false` style boolean is written with a value.
  const argv = (dash < 0 ? run.argv : run.argv.slice(0, dash)).map((word) =>
    /^--(ignore-not-found|overwrite|force|command|all-namespaces)=true$/.test(word) ? word.replace('=true', '') : word,
  );
  const options = parseOptions(argv, TABLE);
  const [verb = '', ...words] = options.words;
  if (run.user !== 'root') {
    await run.output.err(
      `time="" level=warning msg="Unable to read /etc/rancher/k3s/k3s.yaml, please start server with --write-kubeconfig-mode or --write-kubeconfig-group to modify kube config permissions"\nerror: error loading config file "/etc/rancher/k3s/k3s.yaml": open /etc/rancher/k3s/k3s.yaml: permission denied\n`,
    );
    return 1;
  }
  if (verb === 'version') {
    await run.output.out('Client Version: v1.35.0+k3s1\n');
    return 0;
  }
  const k3s = serverOn(node);
  if (k3s === undefined || !node.files().exists('/etc/rancher/k3s/k3s.yaml')) {
    await run.output.err(
      'The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?\n',
    );
    return 1;
  }
  const raw = options.get('raw');
  if (k3s.api === 'ready' && !k3s.led) return hang(node, run, options, k3s.pid);
  const serving = servingApi(node);
  if (serving === undefined) {
    const what =
      raw === undefined
        ? `the server is currently unable to handle the request${verb === 'get' && words[0] ? ` (get ${kindOf(words[0])?.resource ?? words[0]})` : ''}`
        : 'the server is currently unable to handle the request';
    await run.output.err(`Error from server (ServiceUnavailable): ${what}\n`);
    return 1;
  }
  const { lineage } = serving;
  const namespace =
    options.has('A') || options.has('all-namespaces')
      ? undefined
      : (options.get('n') ?? options.get('namespace') ?? 'default');
  switch (verb) {
    case 'get':
      return raw === undefined ? get(node, run, options, words, lineage, namespace) : getRaw(run, raw);
    case 'run':
      return runPod(node, run, options, words, tail, lineage, namespace ?? 'default');
    case 'wait':
      return wait(node, run, options, words, lineage, namespace ?? 'default');
    case 'logs':
      return logs(node, run, words, lineage, namespace ?? 'default');
    case 'delete':
      return remove(node, run, options, words, lineage, namespace ?? 'default');
    case 'annotate':
      return annotate(run, words, lineage);
    default:
      await run.output.err(`error: unknown command "${verb}" for "kubectl"\n`);
      return 1;
  }
}

async function hang(node: PracticeNode, run: Run, options: Parsed, pid: number): Promise<number> {
  const ms = spanMs(options.get('request-timeout'), 0);
  const gone = node.time.wait(() => (node.state.procs.has(pid) ? undefined : true), run.signal);
  if (ms === 0) {
    await gone;
    await run.output.err('Unable to connect to the server: EOF\n');
    return 1;
  }
  const stop = new AbortController();
  await Promise.race([node.time.sleep(ms, stop.signal).catch(() => undefined), gone]);
  stop.abort();
  await run.output.err('Unable to connect to the server: context deadline exceeded\n');
  return 1;
}

async function getRaw(run: Run, path: string): Promise<number> {
  const [route = '', query = ''] = path.split('?');
  if (['/readyz', '/livez', '/healthz'].includes(route)) {
    await run.output.out(query.includes('verbose') ? dataText(route === '/livez' ? 'livez.txt' : 'readyz.txt') : 'ok');
    return 0;
  }
  if (/^\/(readyz|livez|healthz)\/(etcd|ping|log)$/.test(route)) {
    await run.output.out('ok');
    return 0;
  }
  await run.output.err('Error from server (NotFound): the server could not find the requested resource\n');
  return 1;
}

async function get(
  node: PracticeNode,
  run: Run,
  options: Parsed,
  words: readonly string[],
  lineage: Lineage,
  namespace: string | undefined,
): Promise<number> {
  const output = options.get('o') ?? options.get('output') ?? '';
  const types = (words[0] ?? '').split('/')[0]?.split(',') ?? [];
  const named = [...(words[0]?.includes('/') ? [words[0].split('/')[1] ?? ''] : []), ...words.slice(1)];
  const found: KubeObject[] = [];
  for (const type of types) {
    const kind = kindIn(lineage, type);
    if (kind === undefined) {
      await run.output.err(`error: the server doesn't have a resource type "${type}"\n`);
      return 1;
    }
    const all = listObjects(node, lineage, kind, kind.namespaced ? namespace : undefined);
    if (named.length === 0) found.push(...all);
    for (const name of named) {
      const one = all.find((object) => object.metadata.name === name);
      if (one !== undefined) found.push(one);
      else if (!options.has('ignore-not-found')) {
        await run.output.err(`Error from server (NotFound): ${kind.resource} "${name}" not found\n`);
        return 1;
      }
    }
  }
  if (output === 'json') {
    const single = named.length === 1 ? found[0] : undefined;
    if (named.length === 1 && single === undefined) return 0;
    await run.output.out(
      `${JSON.stringify(single ?? { apiVersion: 'v1', items: found, kind: 'List', metadata: { resourceVersion: '' } }, null, 4)}\n`,
    );
  } else if (output === 'name') {
    await run.output.out(found.map((object) => `${nameOf(object)}\n`).join(''));
  } else if (output === 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}') {
    await run.output.out(
      found.map(({ metadata }) => `${String(metadata.namespace ?? '')}/${String(metadata.name)}\n`).join(''),
    );
  } else if (output.startsWith('jsonpath')) {
    await run.output.out(found.map((object) => String(object.metadata.name)).join(' '));
  } else if (output === '' || output === 'wide') {
    if (found.length === 0)
      await run.output.err(
        namespace === undefined ? 'No resources found\n' : `No resources found in ${namespace} namespace.\n`,
      );
    else
      await run.output.out(
        objectTable(node, found, namespace === undefined, output === 'wide', options.has('no-headers')),
      );
  } else {
    await run.output.err(`error: unable to match a printer suitable for the output format "${output}"\n`);
    return 1;
  }
  return 0;
}

function nameOf(object: KubeObject): string {
  const group = object.apiVersion.includes('/') ? `.${object.apiVersion.split('/')[0]}` : '';
  return `${object.kind.toLowerCase()}${group}/${String(object.metadata.name)}`;
}

async function runPod(
  node: PracticeNode,
  run: Run,
  options: Parsed,
  words: readonly string[],
  command: readonly string[],
  lineage: Lineage,
  namespace: string,
): Promise<number> {
  const name = words[0] ?? '';
  if (lineage.pods.some((pod) => pod.name === name && pod.namespace === namespace)) {
    await run.output.err(`Error from server (AlreadyExists): pods "${name}" already exists\n`);
    return 1;
  }
  const image = options.get('image') ?? '';
  const overrides = options.get('overrides') ?? '';
  const wanted = /"(?:nodeName|kubernetes\.io\/hostname)"\s*:\s*"([^"]+)"/.exec(overrides)?.[1];
  // Only an image that is on the nodes already runs: nothing is pulled in a practice cluster.
  const runs = /busybox|pause/.test(image);
  lineage.pods.push({ namespace, name, image, command, node: wanted ?? node.name, created: node.now(), runs });
  lineage.revision += 3;
  node.changed();
  await run.output.out(`pod/${name} created\n`);
  return 0;
}

function holds(
  node: PracticeNode,
  lineage: Lineage,
  namespace: string,
  target: string,
  condition: string,
): boolean | undefined {
  const [type = '', name = ''] = target.split('/');
  const kind = kindOf(type);
  if (kind?.kind === 'Node') {
    const record = lineage.nodes.find((one) => one.name === name);
    if (record === undefined) return undefined;
    const object = nodeObject(node, lineage, record) as unknown as {
      status: { conditions: { type: string; status: string }[] };
    };
    const wanted = /^condition=(\w+)(?:=(\w+))?$/.exec(condition);
    return object.status.conditions.some(
      (one) => one.type === wanted?.[1] && one.status.toLowerCase() === (wanted?.[2] ?? 'true').toLowerCase(),
    );
  }
  if (kind?.kind !== 'Pod' || !lineage.pods.some((pod) => pod.name === name && pod.namespace === namespace))
    return undefined;
  const { phase } = podObject(node, lineage, namespace, name).status as { phase: string };
  const byPath = /^jsonpath=\{\.status\.phase\}=(\w+)$/.exec(condition);
  if (byPath) return phase === byPath[1];
  return /condition=(Ready|Initialized)/i.test(condition) && phase === 'Running';
}

async function wait(
  node: PracticeNode,
  run: Run,
  options: Parsed,
  words: readonly string[],
  lineage: Lineage,
  namespace: string,
): Promise<number> {
  const target = words.length > 1 ? `${words[0]}/${words[1]}` : (words[0] ?? '');
  const condition = options.get('for') ?? '';
  const gone = condition === 'delete';
  const until = node.time.clock.mono() + spanMs(options.get('timeout'), 30_000) / node.time.world.speed;
  for (;;) {
    const answer = holds(node, lineage, namespace, target, condition);
    if (gone ? answer === undefined : answer) {
      await run.output.out(`${target} ${gone ? 'deleted' : 'condition met'}\n`);
      return 0;
    }
    if (answer === undefined && !gone) {
      const [type = '', name = ''] = target.split('/');
      await run.output.err(`Error from server (NotFound): ${kindOf(type)?.resource ?? type} "${name}" not found\n`);
      return 1;
    }
    if (node.time.clock.mono() >= until) {
      await run.output.err(
        `error: timed out waiting for the condition on ${target.replace(/^pod\//, 'pods/').replace(/^node\//, 'nodes/')}\n`,
      );
      return 1;
    }
    await node.time.sleep(500, run.signal);
  }
}

async function logs(
  node: PracticeNode,
  run: Run,
  words: readonly string[],
  lineage: Lineage,
  namespace: string,
): Promise<number> {
  const name = (words[0] ?? '').replace(/^pod\//, '');
  const pod = lineage.pods.find((one) => one.name === name && one.namespace === namespace);
  if (pod === undefined) {
    await run.output.err(`error: error from server (NotFound): pods "${name}" not found in namespace "${namespace}"\n`);
    return 1;
  }
  const { phase } = podObject(node, lineage, namespace, name).status as { phase: string };
  if (phase === 'Pending') {
    await run.output.err(
      `Error from server (BadRequest): container "${name}" in pod "${name}" is waiting to start: ContainerCreating\n`,
    );
    return 1;
  }
  const echo =
    pod.command[0] === 'echo'
      ? pod.command.slice(1).join(' ')
      : /echo ([^;&|]+)/.exec(pod.command.join(' '))?.[1]?.trim();
  if (echo !== undefined) await run.output.out(`${echo}\n`);
  return 0;
}

async function remove(
  node: PracticeNode,
  run: Run,
  options: Parsed,
  words: readonly string[],
  lineage: Lineage,
  namespace: string,
): Promise<number> {
  const targets = words[0]?.includes('/') ? words : words.slice(1).map((name) => `${words[0]}/${name}`);
  for (const target of targets) {
    const [type = '', name = ''] = target.split('/');
    const kind = kindOf(type);
    const pod = lineage.pods.findIndex((one) => one.name === name && one.namespace === namespace);
    const record = lineage.nodes.findIndex((one) => one.name === name);
    if (kind?.kind === 'Pod' && pod >= 0) {
      lineage.pods.splice(pod, 1);
      await run.output.out(`pod "${name}" deleted from ${namespace} namespace\n`);
    } else if (kind?.kind === 'Node' && record >= 0) {
      // The controller removes the etcd member of a deleted Node (R35, section 3.5).
      const ip = lineage.nodes[record]?.ip;
      lineage.nodes.splice(record, 1);
      // The Secret belongs to the Node and goes with it (facts 3.7).
      lineage.objects = lineage.objects.filter((line) => line !== passwordSecret(name));
      const member = lineage.members.find((one) => one.ip === ip);
      if (member !== undefined && lineage.members.length > 1) {
        lineage.members = lineage.members.filter((one) => one !== member);
        lineage.removed.push(member.id);
        node.etcd.review(lineage.id);
      }
      await run.output.out(`node "${name}" deleted\n`);
    } else if (kind !== undefined && lineage.objects.includes(`${kind.resource} ${namespace}/${name}`)) {
      lineage.objects = lineage.objects.filter((line) => line !== `${kind.resource} ${namespace}/${name}`);
      await run.output.out(`${kind.kind.toLowerCase()} "${name}" deleted from ${namespace} namespace\n`);
    } else if (!options.has('ignore-not-found')) {
      await run.output.err(`Error from server (NotFound): ${kind?.resource ?? type} "${name}" not found\n`);
      return 1;
    }
  }
  node.changed();
  return 0;
}

async function annotate(run: Run, words: readonly string[], lineage: Lineage): Promise<number> {
  const [type = '', name = '', ...pairs] = words[0]?.includes('/')
    ? [...(words[0]?.split('/') ?? []), ...words.slice(1)]
    : words;
  const record = kindOf(type)?.kind === 'Node' ? lineage.nodes.find((one) => one.name === name) : undefined;
  if (record === undefined) {
    await run.output.err(`Error from server (NotFound): ${kindOf(type)?.resource ?? type} "${name}" not found\n`);
    return 1;
  }
  for (const pair of pairs) {
    if (pair.endsWith('-')) delete record.annotations[pair.slice(0, -1)];
    else record.annotations[pair.slice(0, pair.indexOf('='))] = pair.slice(pair.indexOf('=') + 1);
  }
  await run.output.out(`node/${name} annotated\n`);
  return 0;
}
