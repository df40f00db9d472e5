import type { Symptom } from '../../src/lookup/types.js';

/** Fact file 4.1, first half: no leader, no quorum, a peer that does not answer. */
export const quorumSymptoms: readonly Symptom[] = [
  {
    id: '1',
    title: 'etcd has no leader',
    patterns: ['etcdserver: no leader'],
    severity: 'error',
    means: 'Quorum is lost, or an election is running. Without a leader nothing can be written.',
    doThis:
      'Count the servers that are up. If a majority of {servers} is up, check ports 2379 and 2380 between them. If the majority is gone for good: reset membership on the best survivor.',
    notThis:
      'Do not restart the survivor to clear it: K3s then stays in "activating (start)" until the others are back. And no reset while a majority can still be started.',
    source: 'etcd api/v3rpc/rpctypes/error.go; R31, R33',
    example: 'E1122 10:34:59.243796      78 watcher.go:335] watch chan error: etcdserver: no leader',
  },
  {
    id: '2',
    title: 'This member has started but cannot announce itself',
    patterns: ['failed to publish local member to cluster through raft'],
    severity: 'info',
    means:
      'The member runs without quorum. Once at a start it is normal; every 15 seconds means the other members are missing.',
    doThis: 'Start the rest of {servers}, all without waiting for one another. It then finishes by itself.',
    notThis: 'Do not start the servers one after another and wait for each: the first cannot become ready alone.',
    source: 'etcd server/etcdserver/server.go; #3723, #2002',
    example:
      '{"level":"warn","ts":"2026-11-22T10:29:03.523914Z","caller":"etcdserver/server.go:1832","msg":"failed to publish local member to cluster through raft","local-member-id":"252902638f78db76","publish-timeout":"15s","error":"etcdserver: request timed out"}',
  },
  {
    id: '3',
    title: 'A peer does not answer on port 2380',
    patterns: ['prober detected unhealthy status'],
    severity: 'warning',
    means: 'The peer named by remote-peer-id is down, or port 2380 to it is closed.',
    doThis:
      'Find remote-peer-id in the member list, then look at that host: is K3s running, can {server} reach its port 2380?',
    source: 'etcd rafthttp/probing_status.go; #7293',
    example:
      '{"level":"warn","ts":"2026-11-22T10:29:38.307681Z","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","round-tripper-name":"ROUND_TRIPPER_SNAPSHOT","remote-peer-id":"24308fb88dd84fe7","rtt":"0s","error":"dial tcp 10.77.0.12:2380: connect: connection refused"}',
  },
  {
    id: '4',
    title: 'An election starts',
    patterns: [String.raw`is starting a new election at term \d+`],
    severity: 'info',
    means:
      'One at a start is normal. With the term rising there is no quorum, or disk or network are too slow to keep a leader.',
    doThis: 'If it goes on: count how many of {servers} are up. If all are up, look for slow disks (82 to 85).',
    source: '#2002',
    example:
      '{"level":"info","ts":"2026-11-22T10:38:51.139321Z","logger":"raft","caller":"v3@v3.6.0/raft.go:988","msg":"252902638f78db76 is starting a new election at term 5"}',
  },
  {
    id: '5',
    title: 'A request to etcd timed out',
    patterns: ['etcdserver: request timed out'],
    severity: 'info',
    means: 'No leader, or an overloaded one. Single lines at a start or an election are normal.',
    doThis: 'If it goes on: check quorum first (1), then the disks (82 to 85).',
    source: 'etcd api/v3rpc/rpctypes/error.go',
    example:
      '{"level":"warn","ts":"2026-11-22T10:28:20.937021Z","caller":"etcdserver/server.go:2450","msg":"failed to update cluster version","error":"etcdserver: request timed out"}',
  },
  {
    id: '6',
    title: 'The leader changed during a request',
    patterns: ['etcdserver: leader changed'],
    severity: 'warning',
    means: 'An election happened in between. One is harmless; many mean a slow disk or network.',
    doThis: 'Nothing for a single line. If there are many, look for slow disks (82 to 85).',
    source: 'etcd#13169',
    example:
      '{"level":"warn","ts":"2026-11-22T10:18:52.089088Z","caller":"txn/util.go:93","msg":"apply request took too long","took":"190.316586ms","expected-duration":"100ms","prefix":"read-only range ","error":"etcdserver: leader changed"}',
  },
  {
    id: '7',
    title: 'etcd does not listen yet',
    patterns: ['Failed to test etcd connection: failed to get etcd status: .{0,300}connection refused'],
    severity: 'info',
    means: 'K3s asks its own etcd before it listens. Harmless for the first seconds.',
    doThis: 'If it stays: read the etcd lines above it on {server}; they say why etcd does not come up.',
    source: 'K3s pkg/executor/embed; #13085',
    example: String.raw`time="2026-11-22T10:38:42Z" level=info msg="Failed to test etcd connection: failed to get etcd status: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused\""`,
  },
  {
    id: '8',
    title: 'etcd is up but has no leader',
    patterns: ['Failed to test etcd connection: .{0,300}context deadline exceeded'],
    severity: 'warning',
    means: 'etcd on this server answers, but not within 30 seconds: there is no quorum.',
    doThis: 'Start the rest of {servers}. If the majority is gone for good: reset membership on the best survivor.',
    source: 'K3s pkg/etcd/etcd.go status',
    example: String.raw`time="2026-11-22T10:39:42Z" level=info msg="Failed to test etcd connection: failed to get etcd status: rpc error: code = Unavailable desc = connection error: desc = \"transport: authentication handshake failed: context deadline exceeded\""`,
  },
  {
    id: '9',
    title: 'This server is still a learner',
    patterns: ['this server has not yet been promoted from learner to voting member'],
    severity: 'info',
    means: 'A joining server catches up before it may vote. Seconds on a small database.',
    doThis:
      'Wait. After five minutes without progress K3s removes the learner; then look at disk and network of {server}.',
    source: 'K3s pkg/etcd/etcd.go Test; R28',
    steps: ['voter'],
    example:
      'time="2026-11-22T10:46:03Z" level=info msg="Failed to test etcd connection: this server has not yet been promoted from learner to voting member"',
  },
  {
    id: '10',
    title: 'This server is not a member under its name and address',
    patterns: [String.raw`this server is (?:a )?not a member of the etcd cluster\. Found \[.{0,400}\], expect: `],
    severity: 'error',
    means:
      'The address or the name of the host changed, or this is another cluster’s data. Up to 1.33 the line says "is a not".',
    doThis:
      'Single server: reset membership, which writes the new address. Several servers: move db/etcd aside on {server} and let it join again.',
    notThis:
      'Do not reset one of several servers for this: the others keep the cluster, and the reset one becomes a second.',
    source: '#4296, #6524, #5352',
    steps: ['aside', 'rejoin'],
    example:
      'time="2026-11-22T10:39:42Z" level=info msg="Failed to test etcd connection: this server is not a member of the etcd cluster. Found [node-1-fdafbdfa=https://10.77.0.11:2380], expect: node-1-fdafbdfa=https://10.77.0.21:2380"',
    also: [
      'this server is a not a member of the etcd cluster. Found [a=https://10.0.0.1:2380], expect: a=https://10.0.0.9:2380',
    ],
  },
  {
    id: '11',
    title: 'K3s could not ask its own etcd about learners',
    patterns: ['Failed to check local etcd status for learner management'],
    severity: 'info',
    means: 'etcd on this server is slow or not up yet. Normal once or twice at a start.',
    doThis: 'If it goes on: ask 127.0.0.1:2381/health on {server} and read the etcd lines.',
    source: 'K3s pkg/etcd/etcd.go',
    example:
      'time="2026-11-22T10:29:03Z" level=error msg="Failed to check local etcd status for learner management: context deadline exceeded"',
  },
  {
    id: '12',
    title: 'The API server waits for etcd',
    patterns: ['Waiting for API server to become available', 'failed to wait for API server to become ready'],
    severity: 'info',
    means: 'Normal at a start. K3s waits up to 15 minutes, then gives up with the second line.',
    doThis: 'If it stays: repair etcd first, the API server follows.',
    source: 'K3s pkg/util/api.go',
    example: 'time="2026-11-22T10:51:32Z" level=info msg="Waiting for API server to become available"',
    also: [
      'time="2026-11-22T11:06:32Z" level=fatal msg="failed to wait for API server to become ready: timed out waiting for the condition"',
    ],
  },
  {
    id: '13',
    title: 'K3s lost its lease and exits',
    patterns: ['leader[ -]?election lost', 'error retrieving resource lock'],
    severity: 'error',
    means:
      'API server or etcd were too slow to renew a lease. K3s ends and systemd starts it again. After a loss of quorum this comes within about a minute.',
    doThis: 'Check quorum (1), then disk and CPU of {server}.',
    source: '#5210, #8956; R33',
    example: 'time="2026-11-22T10:35:44Z" level=fatal msg="leaderelection lost for k3s"',
    also: [
      String.raw`E1122 10:35:44.770110      78 leaderelection.go:318] "error retrieving resource lock" err="Get \"https://127.0.0.1:6444/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/k3s?timeout=15m0s\": context deadline exceeded" lock="kube-system/k3s"`,
    ],
  },
];
