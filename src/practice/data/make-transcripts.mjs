#!/usr/bin/env node
// Makes transcripts/*.txt from the recordings of the real K3s: `node make-transcripts.mjs RECORDINGS_FOLDER`.
// Each line: milliseconds since the process began, a tab, the line with what varies replaced by «NAMES».
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const from = process.argv[2];
const POLLER = /Sending HTTP\/\S+ \d+ response to 127\.0\.0\.1|etcdhttp\/health\.go|apply request took too long|request stats|"Unhandled Error"|post-timeout|Post-timeout|ReadIndex response took too long|Updated load balancer.*localhost/;

function lines(file) {
  const text = readFileSync(join(from, file), 'utf8').split('\n').filter(Boolean);
  if (file.endsWith('.timed')) {
    return text.map((line) => ({ ms: Math.round(Number(line.slice(0, 9)) * 1000), text: line.slice(12) })).filter((l) => !l.text.startsWith('[recorder]'));
  }
  const found = [];
  let start;
  for (const line of text) {
    const match = /^(\S+)\+0000 \S+ k3s\[\d+\]: (.*)$/.exec(line);
    if (!match) continue;
    const at = Date.parse(`${match[1].slice(0, 23)}Z`);
    start ??= at - 110;
    found.push({ ms: at - start, text: match[2] });
  }
  return found;
}

function template(text, self, ids) {
  const ip = `10.77.0.1${self.slice(-1)}`;
  let out = text
    .replace(/time="[^"]*"/, 'time="«T»"')
    .replace(/"ts":"[^"]*"/, '"ts":"«TS»"')
    .replace(/^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ /, '$1«K» ')
    .replace(/notAfter=2027-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC/, 'notAfter=«NA»')
    .replace(/Managed etcd cluster (bootstrap already complete and initialized|initializing)/, '«BOOT»')
    .replace(/etcd-old-\d{10}/g, '«OLD»')
    .replace(/etcd-backup-\d{10}/g, '«BACKUP»')
    .replace(/tls-\d{10}/g, '«TLS»')
    .replace(/(k3s-\w+(?:-\w+)*-ca)@(?!1795342296)\d{10}/g, '$1@«NEWCA»')
    .replace(/now=2026-\S+Z, entry=1, next=2026-\S+Z/, 'now=«T», entry=1, next=«NEXT»')
    .replace(new RegExp(`\\b${self}-[0-9a-f]{8}\\b`, 'g'), '«MEMBER»')
    .replace(/\bnode-1-[0-9a-f]{8}\b/g, '«PMEMBER»')
    .replace(/\/var\/lib\/rancher\/k3s\/server\/db\/snapshots\/(on-demand-node-1-\d{10}|flipped|truncated|no-trailer|no-such-file)/g, '«PATH»')
    .replaceAll('/root/snap/on-demand-node-1-1795342536', '«PATH»')
    .replaceAll('/var/lib/rancher/k3s', '«DD»')
    .replace(new RegExp(`\\b${self}\\b`, 'g'), '«NODE»')
    .replaceAll(ip, '«IP»');
  if (self !== 'node-1') out = out.replace(/\bnode-1\b/g, '«PNODE»').replaceAll('10.77.0.11', '«PIP»');
  for (const [id, name] of Object.entries(ids)) out = out.replaceAll(id, `«${name}»`);
  return out;
}

const RESTORED = { '47ff0165cf69a92c': 'ID', '6a245074cb98f6c9': 'CID' };
const FIRST = { '252902638f78db76': 'ID', a7f3c36c4b26e66f: 'CID' };
/** name, file, own node, first line (pattern), line before which it ends (pattern), ids, limit */
const CUTS = [
  ['reset-begin', 'c-full-restore/03-reset-by-hand-node-1.timed', 'node-1', /Starting k3s/, /Pre-restore/, RESTORED],
  ['reset-restore', 'c-full-restore/03-reset-by-hand-node-1.timed', 'node-1', /Pre-restore/, /Starting etcd for new cluster/, RESTORED],
  ['reset-etcd', 'c-full-restore/03-reset-by-hand-node-1.timed', 'node-1', /Starting etcd for new cluster/, /level=info msg="Connected to etcd/, RESTORED],
  ['reset-connected', 'c-full-restore/03-reset-by-hand-node-1.timed', 'node-1', /level=info msg="Connected to etcd/, /Reconciling bootstrap data/, RESTORED],
  ['reset-finish', 'c-full-restore/03-reset-by-hand-node-1.timed', 'node-1', /Reconciling bootstrap data/, null, RESTORED],
  ['reset-force-etcd', 'd-reset-failures/cluster-reset-without-restore.timed', 'node-1', /Starting etcd for new cluster/, /level=info msg="Connected to etcd/, FIRST],
  ['reset-newhost-begin', 'd-reset-failures/newhost-full-token.timed', 'node-1', /Starting k3s/, /Pre-restore/, RESTORED],
  ['reset-newhost-finish', 'd-reset-failures/newhost-full-token.timed', 'node-1', /Bootstrap key already exists/, null, RESTORED],
  ['reset-force-finish', 'd-reset-failures/cluster-reset-without-restore.timed', 'node-1', /Bootstrap key already exists/, null, FIRST],
  ['reset-running-twice', 'd-reset-failures/run-twice-no-restore-path.timed', 'node-1', /Starting k3s/, null, RESTORED],
  ['reset-sigterm', 'd-reset-failures/sigterm-exit-code.timed', 'node-1', /Stopping etcd server/, null, RESTORED],
  ['reset-disk-full', 'h-disk-full/restore-on-full-disk.timed', 'node-1', /Reconciling bootstrap data/, null, RESTORED],
  ['start-begin', 'c-full-restore/05-start-node-1.journal.txt', 'node-1', /Starting k3s/, /level=info msg="Connected to etcd/, RESTORED],
  ['start-etcd', 'c-full-restore/05-start-node-1.journal.txt', 'node-1', /level=info msg="Connected to etcd/, /Kube API server is now running/, RESTORED],
  ['start-ready', 'c-full-restore/05-start-node-1.journal.txt', 'node-1', /Kube API server is now running/, null, RESTORED],
  ['cold-begin', 'c-full-restore/00-cold-start-node-1.journal.txt', 'node-1', /Starting k3s/, /level=info msg="Connected to etcd/, FIRST],
  ['cold-etcd', 'c-full-restore/00-cold-start-node-1.journal.txt', 'node-1', /level=info msg="Connected to etcd/, /Kube API server is now running/, FIRST],
  ['join-begin', 'c-full-restore/08-node-2-join.journal.txt', 'node-2', /Starting k3s/, /Adding member/, { ffe5e34ef656da54: 'ID', ...{ '47ff0165cf69a92c': 'PID', '6a245074cb98f6c9': 'CID' } }],
  ['join-learner', 'c-full-restore/08-node-2-join.journal.txt', 'node-2', /Adding member/, /level=info msg="Connected to etcd/, { ffe5e34ef656da54: 'ID', ...{ '47ff0165cf69a92c': 'PID', '6a245074cb98f6c9': 'CID' } }],
  ['join-voter', 'c-full-restore/08-node-2-join.journal.txt', 'node-2', /level=info msg="Connected to etcd/, null, { ffe5e34ef656da54: 'ID', ...{ '47ff0165cf69a92c': 'PID', '6a245074cb98f6c9': 'CID' } }],
  ['new-cluster-begin', 'g-wiped-cluster-init-node/10-peers-down-node-1-start.journal.txt', 'node-1', /Starting k3s/, /level=info msg="Connected to etcd/, FIRST],
  ['sigbus', 'd-reset-failures/truncated.then-normal-start.journal.txt', 'node-1', /unexpected fault address/, null, {}],
  ['tocommit', 'g-wiped-cluster-init-node/02-node-1-start.journal.txt', 'node-1', /tocommit/, null, FIRST],
  ['duplicate', 'f-single-node/02-node-3-start-node-not-deleted.journal.txt', 'node-3', /duplicate node name/, null, {}],
  ['removed', 'e-quorum-loss/09-node-2-unwiped.journal.txt', 'node-2', /server error.*permanently removed/, null, {}],
  ['mismatch-peer', 'e2-restore-with-unwiped-peers/05-node-2.journal.txt', 'node-2', /ignored by remote peer due to cluster ID mismatch/, null, {}],
  ['mismatch-primary', 'e2-restore-with-unwiped-peers/05-node-1.journal.txt', 'node-1', /request cluster ID mismatch/, null, {}],
  ['no-leader', 'e-quorum-loss/05-node-1-journal-restart-without-quorum.journal.txt', 'node-1', /is starting a new election|prober detected|failed to publish/, null, FIRST],
  ['quorum-lost', 'e-quorum-loss/04-node-1-journal-after-loss.journal.txt', 'node-1', /lost TCP streaming connection/, null, FIRST],
  ['agent-begin', 'a-install/first-start-node-4-agent.journal.txt', 'node-4', /Starting k3s agent/, null, {}],
];
const LIMITS = { sigbus: 46, tocommit: 14, duplicate: 4, removed: 24, 'mismatch-peer': 20, 'mismatch-primary': 12, 'no-leader': 30, 'quorum-lost': 60, 'agent-begin': 90, 'join-learner': 90, 'join-voter': 170, 'start-begin': 190, 'cold-begin': 130, 'cold-etcd': 120, 'start-etcd': 120, 'start-ready': 150, 'join-begin': 110, 'new-cluster-begin': 150 };
for (const [name, file, self, first, before, ids] of CUTS) {
  const all = lines(file).filter((l) => !POLLER.test(l.text));
  const a = all.findIndex((l) => first.test(l.text));
  const rest = a < 0 ? [] : all.slice(a);
  const b = before ? rest.slice(1).findIndex((l) => before.test(l.text)) + 1 : rest.length;
  const cut = rest.slice(0, b > 0 ? b : rest.length).slice(0, LIMITS[name] ?? 400);
  writeFileSync(new URL(`transcripts/${name}.txt`, import.meta.url), cut.map((l) => `${l.ms}\t${template(l.text, self, ids).slice(0, 900)}`).join('\n') + '\n');
  console.log(name, cut.length, cut[0]?.ms, cut.at(-1)?.ms);
}
