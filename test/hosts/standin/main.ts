import { request } from 'node:https';
import { VERSION_TEXT } from '../../../src/practice/k3s/model.js';
import { shortTime } from '../../../src/practice/k3s/speak.js';
import { StandIn } from './process.js';
import type { Said } from './programs.js';

/**
 * `k3s` on the hosts of the lab: a stand-in, not K3s. The project's one model of K3s runs over the real disk and a real
 * etcd process. Different from K3s: etcd is a process of its own and speaks http, there is no kubelet, no containerd and
 * no API server; `k3s kubectl` answers a subset from the keys in etcd.
 */

const [called = 'k3s', ...words] = process.argv.slice(2);
const link = called.slice(called.lastIndexOf('/') + 1);
const argv = link === 'k3s' ? words : [link, ...words];

/** Asks the server that runs on this host. */
function ask(): Promise<Said> {
  return new Promise((resolve) => {
    const sending = request({
      host: '127.0.0.1',
      port: 6443,
      path: '/stand-in/run',
      method: 'POST',
      rejectUnauthorized: false,
    });
    sending.on('error', () => resolve({ code: 1, stdout: '', stderr: refused() }));
    sending.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Said));
    });
    sending.end(JSON.stringify(argv));
  });
}

function refused(): string {
  if (argv[0] === 'kubectl')
    return 'The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?\n';
  return `time="${shortTime(Date.now())}" level=fatal msg="Error: dial tcp 127.0.0.1:6443: connect: connection refused"\n`;
}

switch (argv[0]) {
  case 'server':
  case 'agent':
    new StandIn(argv[0], argv.slice(1)).run();
    break;
  case '--version':
  case '-v':
    process.stdout.write(VERSION_TEXT);
    break;
  default: {
    const said = await ask();
    process.stdout.write(said.stdout);
    process.stderr.write(said.stderr);
    process.exitCode = said.code;
  }
}
