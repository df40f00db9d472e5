import { password } from '../k3s/credentials.js';
import { decimal } from '../k3s/ids.js';
import type { Lineage } from '../k3s/ports.js';
import type { PracticeNode } from '../node/node.js';
import { type Program, parseOptions } from './run.js';
import { serverOn } from './serving.js';

interface Answer {
  readonly code: number;
  readonly body: string;
}
/** Nobody listens, or somebody who never answers (R29). */
type Silent = 'refused' | 'silent';

const TABLE = {
  s: false,
  k: false,
  m: true,
  o: true,
  w: true,
  'max-time': true,
  H: true,
  S: false,
  u: true,
  f: false,
  silent: false,
  insecure: false,
  'connect-timeout': true,
  output: true,
  'write-out': true,
  L: false,
  i: false,
  header: true,
  user: true,
  'show-error': false,
  fail: false,
  g: false,
  noproxy: true,
  X: true,
} as const;

function failure(code: number, message: string, reason: string): Answer {
  return {
    code,
    body: `${JSON.stringify({ kind: 'Status', metadata: {}, status: 'Failure', message, reason, code }, null, 2)}`,
  };
}

/** `/db/info`: ids with all their digits, `isLearner` only when true, `name` only once started (R28). */
function members(lineage: Lineage): string {
  const rows = lineage.members.map((member) => {
    const name = member.name === '' ? '' : `"name":"${member.name}",`;
    const client = member.name === '' ? '' : `,"clientURLs":["https://${member.ip}:2379"]`;
    const learner = member.learner ? ',"isLearner":true' : '';
    return `{"ID":${decimal(member.id)},${name}"peerURLs":["https://${member.ip}:2380"]${client}${learner}}`;
  });
  return `{"members":[${rows.join(',')}]}\n`;
}

function etcdHealth(node: PracticeNode, path: string, query: string): Answer | Silent {
  const proc = [...node.state.procs.values()].find((one) => one.k3s?.listening.includes('127.0.0.1:2381'));
  const k3s = proc?.k3s;
  if (k3s === undefined) return 'refused';
  const lineage = k3s.wal === undefined ? undefined : node.etcd.lineage(k3s.wal.lineage);
  const learner = lineage?.members.find((member) => member.id === k3s.wal?.member)?.learner ?? false;
  // An unverified database answers /health although nothing works on top of it (R13).
  const led = k3s.led || (k3s.hollow && node.now() - k3s.startedAt > 7000 / node.time.world.speed);
  const noticed =
    lineage !== undefined && lineage.lostSince > 0 && node.now() - lineage.lostSince > 10_000 / node.time.world.speed;
  if (path === '/livez') return { code: 200, body: 'ok\n' };
  if (path === '/version') return { code: 404, body: '404 page not found\n' };
  if (path === '/health') {
    if (query.includes('serializable=true') && !k3s.removed)
      return { code: 200, body: '{"health":"true","reason":""}' };
    // Loss of quorum shows here only after seven to fifteen seconds (R29).
    const good = led || (k3s.ready && lineage !== undefined && lineage.lostSince > 0 && !noticed);
    return good
      ? { code: 200, body: '{"health":"true","reason":""}' }
      : { code: 503, body: '{"health":"false","reason":"RAFT NO LEADER"}' };
  }
  if (path === '/readyz') {
    if (!led)
      return k3s.ready || (lineage?.lostSince ?? 0) > 0
        ? 'silent'
        : {
            code: 503,
            body: '[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: leader changed\n[+]non_learner ok\n[+]data_corruption ok\n',
          };
    if (learner)
      return {
        code: 503,
        body: '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[-]non_learner failed: not supported for learner\n',
      };
    return {
      code: 200,
      body: query.includes('verbose')
        ? '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n'
        : 'ok\n',
    };
  }
  if (path === '/metrics') {
    const size = lineage?.image.length ?? 0;
    const revision =
      lineage === undefined ? 0 : node.etcd.revisionIn(`${k3s?.options.dataDir}/server/db/etcd`, lineage);
    return {
      code: 200,
      body: `# TYPE etcd_server_has_leader gauge\netcd_server_has_leader ${led ? 1 : 0}\netcd_server_is_learner ${learner ? 1 : 0}\netcd_server_quota_backend_bytes 2.147483648e+09\netcd_mvcc_db_total_size_in_bytes ${size}\netcd_mvcc_db_total_size_in_use_in_bytes ${size}\netcd_debugging_mvcc_current_revision ${revision}\netcd_server_proposals_applied_total ${revision + 201}\n`,
    };
  }
  return { code: 404, body: '404 page not found\n' };
}

function supervisor(node: PracticeNode, path: string, user: string | undefined): Answer | Silent {
  const proc = [...node.state.procs.values()].find((one) => one.k3s?.listening.includes('*:6443'));
  const k3s = proc?.k3s;
  if (k3s === undefined) return 'refused';
  if (k3s.supervisor === 'starting') return { code: 503, body: 'starting\n' };
  const pw = user?.slice(user.indexOf(':') + 1);
  if (path === '/ping') return { code: 200, body: 'pong' };
  if (path === '/cacerts')
    return { code: 200, body: node.files().text(`${k3s.options.dataDir}/server/tls/server-ca.crt`) };
  if (path === '/v1-k3s/readyz') {
    const known = [...node.state.procs.values()].find((one) => one.k3s === k3s);
    const right = known !== undefined && pw === password({ files: node.files() }, k3s);
    if (!user?.startsWith('node:') || !right) return failure(403, 'forbidden', 'Forbidden');
    return k3s.api === 'ready' ? { code: 200, body: 'ok' } : { code: 503, body: 'runtime core not ready\n' };
  }
  if (path === '/db/info') {
    if (!k3s.etcdUp || k3s.wal === undefined) {
      const why = k3s.hollow
        ? 'rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: context deadline exceeded"'
        : 'etcd not started';
      return failure(500, `Internal error occurred: failed to get etcd MemberList: ${why}`, 'InternalError');
    }
    if (!k3s.led)
      return k3s.ready
        ? 'silent'
        : failure(
            500,
            'Internal error occurred: failed to get etcd MemberList: context deadline exceeded',
            'InternalError',
          );
    return { code: 200, body: members(node.etcd.lineage(k3s.wal.lineage)) };
  }
  if (/^\/(healthz|readyz|livez)/.test(path)) {
    if (k3s.api === 'down')
      return failure(503, 'the server is currently unable to handle the request', 'ServiceUnavailable');
    return failure(401, 'Unauthorized', 'Unauthorized');
  }
  return { code: 404, body: '404 page not found\n' };
}

const listensThere = (node: PracticeNode, port: string): boolean =>
  [...node.state.procs.values()].some((one) => one.k3s?.listening.includes(`${node.state.ip}:${port}`) === true);

/** `curl` to the health endpoints of this node and to other nodes' 6443; the words and codes are those of a-healthy and e-quorum-loss. */
export const curl: Program = async (node, run) => {
  if (run.argv[1] === '--version' || run.argv[1] === '-V') {
    await run.output.out('curl 7.88.1 (x86_64-pc-linux-gnu)\n');
    return 0;
  }
  const options = parseOptions(run.argv, TABLE);
  const format = options.get('w') ?? options.get('write-out');
  const limit = Number(options.get('m') ?? options.get('max-time') ?? options.get('connect-timeout') ?? '0') * 1000;
  const quiet = (options.has('s') || options.has('silent')) && !options.has('S') && !options.has('show-error');
  const match = /^(https?):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?([^?]*)(?:\?(.*))?$/.exec(options.words[0] ?? '');
  const started = node.now();
  const finish = async (code: number, status: number, text: string): Promise<number> => {
    if (text !== '' && !quiet) await run.output.err(`curl: (${code}) ${text}\n`);
    if (format !== undefined) {
      const seconds = ((node.now() - started) / 1000).toFixed(6);
      const filled = format
        .replace('%{http_code}', String(status).padStart(3, '0'))
        .replace('%{response_code}', String(status).padStart(3, '0'))
        .replace('%{time_total}', seconds)
        .replace('%{time_connect}', code === 7 || code === 28 ? '0.000000' : '0.000412')
        .replace('%{exitcode}', String(code));
      await run.output.out(filled.replaceAll('\\n', '\n'));
    }
    return code;
  };
  if (!match) return finish(3, 0, 'URL rejected: Malformed input to a URL function');
  const [, scheme, host = '', port = scheme === 'https' ? '443' : '80', path = '/', query = ''] = match;
  const local = ['127.0.0.1', 'localhost', '[::1]', node.name, node.state.ip].includes(host);
  const target = local ? node : [...node.peers.values()].find((one) => one.state.ip === host || one.name === host);
  let answer: Answer | Silent = 'refused';
  if (target?.state.power === 'off' || target?.state.power === 'hung') answer = 'silent';
  else if (target !== undefined && port === '2381' && local) answer = etcdHealth(target, path, query);
  else if (target !== undefined && port === '6443')
    answer = supervisor(target, path, options.get('u') ?? options.get('user'));
  else if (target !== undefined && (port === '2379' || port === '2380') && listensThere(target, port))
    // etcd asks for a certificate that curl has not been given.
    return finish(
      56,
      0,
      'OpenSSL SSL_read: OpenSSL/3.0.17: error:0A00045C:SSL routines::tlsv13 alert certificate required',
    );
  else if (port === '6444' && local && serverOn(node) !== undefined) answer = supervisor(node, path, undefined);
  if (answer === 'refused')
    return finish(7, 0, `Failed to connect to ${host} port ${port} after 0 ms: Couldn't connect to server`);
  if (answer === 'silent') {
    await node.time.clock.sleep(limit > 0 ? limit : 120_000, run.signal);
    return finish(28, 0, `Operation timed out after ${limit} milliseconds with 0 bytes received`);
  }
  if (scheme === 'https' && !options.has('k') && !options.has('insecure'))
    return finish(60, 0, 'SSL certificate problem: unable to get local issuer certificate');
  const file = options.get('o') ?? options.get('output');
  const failing = (options.has('f') || options.has('fail')) && answer.code >= 400;
  if (!failing) {
    if (file === undefined) await run.output.out(answer.body);
    else if (file !== '/dev/null') node.files(run.user).write(file, answer.body);
  }
  return finish(failing ? 22 : 0, answer.code, failing ? `The requested URL returned error: ${answer.code}` : '');
};
