import { dataText } from '../data.js';
import { OLDER_VERSION_TEXT, VERSION_TEXT } from '../k3s/model.js';
import { readOptions } from '../k3s/options.js';
import { shortTime } from '../k3s/speak.js';
import { followApi } from '../node/containers.js';
import type { PracticeNode } from '../node/node.js';
import { kubectl } from './kubectl.js';
import { type Program, parseOptions, type Run } from './run.js';
import { servingApi } from './serving.js';
import { snapshotNow } from './snapshot-save.js';

/** `k3s server` and `k3s agent` by hand: everything on stderr, dies with the connection (R10, R42). */
async function longRunning(node: PracticeNode, run: Run): Promise<number> {
  if (run.user !== 'root') {
    await run.output.err(
      `time="${shortTime(node.now())}" level=fatal msg="Error: server requires additional privilege when not run with --rootless and/or --disable-agent"\n`,
    );
    return 1;
  }
  const listen = (line: string): void => void run.output.err(`${line}\n`);
  let pid = run.rejoin;
  if (pid === undefined) {
    pid = node.startK3s(run.argv, { ...run.env }, run.user, run.unit, listen, run.pid);
    run.started?.(pid);
  } else node.rejoinK3s(pid, listen);
  const own = pid;
  const stop = (): void => {
    const reason = String(run.signal.reason);
    node.kill(own, reason.includes('SIGKILL') ? 'KILL' : run.unit === undefined ? 'KILL' : 'TERM');
  };
  if (run.signal.aborted) stop();
  run.signal.addEventListener('abort', stop, { once: true });
  const end = await node.k3sExit(own);
  run.signal.removeEventListener('abort', stop);
  return end.signal === undefined ? end.code : 128 + end.signal;
}

async function etcdSnapshot(node: PracticeNode, run: Run): Promise<number> {
  const argv = run.argv.slice(2);
  const verb = argv[0] ?? 'save';
  const now = shortTime(node.now());
  for (const key of readOptions('server', [], {}, node.files()).configKeys) {
    await run.output.err(`time="${now}" level=warning msg="Unknown flag --${key} found in config.yaml, skipping\\n"\n`);
  }
  const options = parseOptions(['k3s', ...argv.slice(1)], {
    name: true,
    dir: true,
    o: true,
    output: true,
    s3: false,
    'etcd-s3': false,
    'snapshot-compress': false,
    'etcd-snapshot-compress': false,
    'data-dir': true,
    'node-name': true,
  });
  const serving = servingApi(node);
  if (serving === undefined) {
    await run.output.err(
      `time="${now}" level=fatal msg="Error: see server log for details: Post \\"https://127.0.0.1:6443/db/snapshot\\": dial tcp 127.0.0.1:6443: connect: connection refused"\n`,
    );
    return 1;
  }
  if (verb === 'save') {
    const saved = snapshotNow(node, serving, options.get('name') ?? 'on-demand');
    await run.output.err(`time="${now}" level=info msg="Snapshot ${saved} saved."\n`);
    return 0;
  }
  if (verb !== 'ls' && verb !== 'list') {
    await run.output.err(`No help topic for '${verb}'\n`);
    return 3;
  }
  const dir = `${serving.k3s.options.dataDir}/server/db/snapshots`;
  const files = node.files();
  const rows = files.isDirectory(dir)
    ? files.list(dir).map((name) => ({ name, inode: files.stat(`${dir}/${name}`) }))
    : [];
  if ((options.get('o') ?? options.get('output')) === 'json') {
    const items = rows.map(({ name, inode }) => ({
      metadata: { name: `local-${name}`, creationTimestamp: null },
      spec: { snapshotName: name, nodeName: node.name, location: `file://${dir}/${name}` },
      status: {
        size: inode.kind === 'file' ? String(inode.size) : '0',
        creationTime: shortTime(inode.mtime),
        readyToUse: true,
      },
    }));
    await run.output.out(
      `${JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: {}, items: items.length > 0 ? items : null }, null, 4)}\n`,
    );
    return 0;
  }
  await run.output.out('Name Location Size Created\n');
  for (const { name, inode } of rows)
    await run.output.out(
      `${name} file://${dir}/${name} ${inode.kind === 'file' ? inode.size : 0} ${shortTime(inode.mtime)}\n`,
    );
  return 0;
}

const IMAGES = [
  {
    id: 'sha256:07574483d8fb6dc2ff1d9b8b6a4b8d1c6c7c8c2a1f9b7f0b07574483d8fb6dc2',
    repoTags: ['docker.io/rancher/mirrored-pause:3.6'],
    repoDigests: [],
    size: '301461',
    pinned: true,
  },
  {
    id: 'sha256:65ad0d468eb1cc2e6bd1e3c3c6a5c1c1a7b1f2a0bb1c0f1c65ad0d468eb1cc2e',
    repoTags: ['docker.io/library/busybox:1.36'],
    repoDigests: [],
    size: '2160406',
    pinned: false,
  },
];

async function crictl(node: PracticeNode, run: Run): Promise<number> {
  const options = parseOptions(run.argv.slice(1), {
    o: true,
    output: true,
    a: false,
    q: false,
    namespace: true,
    name: true,
    state: true,
  });
  const json = (options.get('o') ?? options.get('output')) === 'json';
  const verb = options.words[0];
  const live = [...node.state.procs.values()].some((proc) => proc.k3s !== undefined && proc.k3s.phase !== 'reset');
  if (!live) {
    await run.output.err(
      `time="${shortTime(node.now())}" level=fatal msg="validate CRI v1 runtime API for endpoint \\"unix:///run/k3s/containerd/containerd.sock\\": rpc error: code = Unavailable desc = connection error: desc = \\"transport: Error while dialing: dial unix /run/k3s/containerd/containerd.sock: connect: connection refused\\""\n`,
    );
    return 1;
  }
  if (verb === 'images' || verb === 'img') {
    await run.output.out(
      json
        ? `${JSON.stringify({ images: IMAGES }, null, 2)}\n`
        : `IMAGE TAG IMAGE ID SIZE\n${IMAGES.map((image) => `${(image.repoTags[0] ?? '').replace(':', ' ')} ${image.id.slice(7, 20)} ${image.size}\n`).join('')}`,
    );
    return 0;
  }
  if (verb === 'ps' || verb === 'pods') {
    for (const lineage of node.etcd.leading()) followApi(node, lineage);
    await run.output.out(json ? containersJson(node, verb) : containersTable(node));
    return 0;
  }
  await run.output.err(`No help topic for '${verb ?? ''}'\n`);
  return 3;
}

/** With the kubelet's labels, by which a container's pod is known. */
function containersJson(node: PracticeNode, verb: 'ps' | 'pods'): string {
  const rows = node.state.containers.map(({ id, name, pod }) => {
    const [namespace = '', podName = ''] = pod.split('/');
    const labels = {
      'io.kubernetes.container.name': name,
      'io.kubernetes.pod.name': podName,
      'io.kubernetes.pod.namespace': namespace,
    };
    return { id, metadata: { attempt: 0, name }, state: 'CONTAINER_RUNNING', labels };
  });
  return `${JSON.stringify({ [verb === 'ps' ? 'containers' : 'items']: rows }, null, 2)}\n`;
}

/** The columns of `m-pods/01-before-stop-crictl-node-1`. */
function containersTable(node: PracticeNode): string {
  const rows = node.state.containers.map(({ id, name, pod }) => {
    const [namespace = '', podName = ''] = pod.split('/');
    return `${id.slice(0, 13)} 07574483d8fb6 2 hours ago Running ${name} 0 ${id.slice(-13)} ${podName} ${namespace}\n`;
  });
  return `CONTAINER IMAGE CREATED STATE NAME ATTEMPT POD ID POD NAMESPACE\n${rows.join('')}`;
}

/** `k3s certificate check`: the recorded lines (`a-healthy`), all on standard error, with this host's name and the time of the cluster. */
async function certificateCheck(node: PracticeNode, run: Run): Promise<number> {
  const recorded = Date.parse('2026-11-22T10:14:49Z');
  const text = dataText('certificate-check.txt').replaceAll('node-1', node.name);
  await run.output.err(
    text.replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, (time) => shortTime(node.now() + Date.parse(time) - recorded)),
  );
  return 0;
}

/** `k3s` with the subcommands a rescue uses. */
export const k3s: Program = async (node, run) => {
  const [verb, ...rest] = run.argv.slice(1);
  switch (verb) {
    case 'server':
    case 'agent':
      return longRunning(node, run);
    case '--version':
    case '-v':
      await run.output.out(node.state.olderK3s ? OLDER_VERSION_TEXT : VERSION_TEXT);
      return 0;
    case 'kubectl':
      return kubectl(node, { ...run, argv: ['kubectl', ...rest] });
    case 'crictl':
      return crictl(node, run);
    case 'certificate':
      return certificateCheck(node, run);
    case 'etcd-snapshot':
      return etcdSnapshot(node, run);
    default:
      await run.output.err(`No help topic for '${verb ?? ''}'\n`);
      return 3;
  }
};

/** `kubectl` and `crictl` are links to k3s. */
export const asLink =
  (name: string): Program =>
  (node, run) =>
    k3s(node, { ...run, argv: ['k3s', name, ...run.argv.slice(1)] });
