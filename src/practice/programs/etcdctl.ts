import { createHash } from 'node:crypto';
import { type Program, parseOptions, UsageError } from './run.js';
import { serverOn } from './serving.js';

/** `etcdctl snapshot save`, which needs no quorum (R31): the lines of `e-quorum-loss/03-etcdctl-snapshot-save`, the bytes of the server's own database. */
export const etcdctl: Program = async (node, run) => {
  const options = parseOptions(run.argv, { endpoints: true, cacert: true, cert: true, key: true, w: true });
  const [noun, verb, file = ''] = options.words;
  const status = noun === 'endpoint' && verb === 'status';
  if (!status && (noun !== 'snapshot' || verb !== 'save' || file === ''))
    throw new UsageError('etcdctl: only endpoint status and snapshot save FILE are known here');
  const files = node.files(run.user);
  for (const name of ['cacert', 'cert', 'key']) {
    const path = options.get(name) ?? '';
    if (!files.exists(path)) {
      await run.output.err(`Error: open ${path}: no such file or directory\n`);
      return 128;
    }
  }
  const k3s = serverOn(node);
  // One that was started anew without quorum listens, and serves nobody until it finds a leader (05-node-1-journal-restart-without-quorum).
  if (k3s?.listening.includes('127.0.0.1:2379') !== true || (!k3s.led && !k3s.ready)) {
    // As a real etcd 3.4 was seen to do that was started anew without its peer: status gives up after 5 s, save never does.
    await node.time.sleep(status ? 5000 : 600_000, run.signal);
    await run.output.err(
      `Failed to get the status of endpoint ${options.get('endpoints') ?? ''} (context deadline exceeded)\n`,
    );
    return 1;
  }
  const endpoint = options.get('endpoints') ?? '';
  if (status) {
    const head = `${endpoint}, ${k3s.vars.ID ?? ''}, 3.6.7, 2.7 MB, false, false`;
    await run.output.out(`${head}, 5, 2351, 2351, ${k3s.led ? '' : 'etcdserver: no leader'}\n`);
    return 0;
  }
  const log = (caller: string, msg: string, more: object): Promise<void> | void =>
    run.output.err(`${JSON.stringify({ level: 'info', ts: node.now() / 1000, caller, msg, ...more })}\n`);
  await log('snapshot/v3_snapshot.go:119', 'created temporary db file', { path: `${file}.part` });
  await log('snapshot/v3_snapshot.go:127', 'fetching snapshot', { endpoint });
  const image = files.read(`${k3s.options.dataDir}/server/db/etcd/member/snap/db`);
  await node.time.sleep(90, run.signal);
  files.write(file, new Uint8Array(Buffer.concat([image, createHash('sha256').update(image).digest()])), 0o600);
  await log('snapshot/v3_snapshot.go:142', 'fetched snapshot', {
    endpoint,
    size: `${(image.length / 1e6).toFixed(1)} MB`,
  });
  await log('snapshot/v3_snapshot.go:152', 'saved', { path: file });
  await run.output.out(`Snapshot saved at ${file}\n`);
  return 0;
};
