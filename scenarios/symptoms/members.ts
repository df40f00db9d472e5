import type { Symptom } from '../../src/lookup/types.js';

/** Fact file 4.1, second half: members that are refused, removed, or of another cluster. */
export const memberSymptoms: readonly Symptom[] = [
  {
    id: '14',
    title: 'etcd refuses the change: it would endanger quorum',
    patterns: [
      'etcdserver: unhealthy cluster',
      'rejecting member (?:add|promote|remove) request; not enough healthy members',
      'local member has not been connected to (?:majority|all) peers',
    ],
    severity: 'error',
    means: 'A member was to be added, promoted or removed while too few members are healthy.',
    doThis: 'Bring the rest of {servers} up, or remove the dead member first, while the rest still has quorum.',
    source: 'etcd server.go; #3074',
    example:
      '{"level":"warn","ts":"2026-11-22T10:40:00.000000Z","caller":"etcdserver/server.go:1400","msg":"rejecting member add request; local member has not been connected to all peers, reconfigure breaks active quorum","error":"etcdserver: unhealthy cluster"}',
    also: ['rejecting member promote request; not enough healthy members'],
  },
  {
    id: '15',
    title: 'etcd refuses to remove a voter it needs',
    patterns: ['etcdserver: re-configuration failed due to not enough started members'],
    severity: 'error',
    means: 'Without that member the rest would have no quorum.',
    doThis: 'Add a server first. If the others are gone for good, reset membership on the best survivor.',
    source: 'etcd; K3s pkg/etcd/member_controller.go',
    example: 'etcdserver: re-configuration failed due to not enough started members',
  },
  {
    id: '16',
    title: 'A peer still runs the cluster from before the restore',
    patterns: ['request sent was ignored .{0,80}cluster ID mismatch', 'request cluster ID mismatch'],
    severity: 'error',
    means:
      'A peer was started with its old data. Two such peers form the old cluster again, healthy on both sides with different content: a split brain. After a reset without a snapshot the ids stay equal and entry 17 appears instead.',
    doThis:
      'Stop that peer at once, move its db/etcd aside, let it join {primary} again. Check that nothing wrote to the old cluster meanwhile.',
    notThis: 'Do not trust "Ready" or "active" here: both sides show it. Compare cluster ids and member lists.',
    source: 'etcd rafthttp/http.go, stream.go; R23',
    steps: ['stop', 'aside', 'rejoin'],
    example:
      '{"level":"warn","ts":"2026-11-22T10:46:48.453735Z","caller":"rafthttp/stream.go:652","msg":"request sent was ignored by remote peer due to cluster ID mismatch","remote-peer-id":"252902638f78db76","remote-peer-cluster-id":"6a245074cb98f6c9","local-member-id":"24308fb88dd84fe7"}',
    also: [
      '{"level":"error","caller":"rafthttp/http.go:507","msg":"request cluster ID mismatch","local-member-id":"252902638f78db76"}',
    ],
  },
  {
    id: '17',
    title: 'This member was removed from the cluster',
    patterns: [
      'the member has been permanently removed from the cluster',
      'data-dir used by this member must be removed',
      'rejected stream from remote peer because it was removed',
    ],
    severity: 'error',
    means:
      'The cluster goes on without it: it was removed, or membership was reset. K3s does not end by itself: it hangs in "activating (start)", or stays active with /health 503.',
    doThis:
      'After a reset: stop K3s on that peer, move its db/etcd aside, let it join. When it was removed on purpose: restart K3s with a server URL set.',
    notThis: 'Do not wait for it: it never recovers by itself.',
    source: 'etcd rafthttp/util.go; R22, R36',
    steps: ['stop', 'aside', 'rejoin'],
    example:
      '{"level":"warn","ts":"2026-11-22T10:39:49.388033Z","caller":"etcdserver/server.go:860","msg":"server error","error":"the member has been permanently removed from the cluster"}',
    also: [
      '{"level":"warn","ts":"2026-11-22T10:39:49.388080Z","caller":"etcdserver/server.go:861","msg":"data-dir used by this member must be removed"}',
      '{"level":"warn","ts":"2026-11-22T10:39:07.717448Z","caller":"rafthttp/http.go:396","msg":"rejected stream from remote peer because it was removed","remote-peer-id-from":"24308fb88dd84fe7"}',
    ],
  },
  {
    id: '18',
    title: 'The joining server sees other members than the cluster has',
    patterns: ['member count is unequal', 'PeerURLs: no match found for existing member', 'error validating peerURLs'],
    severity: 'error',
    means: 'A stale member is listed, or an earlier join ended half way.',
    doThis: 'Remove the stale member (delete its Node), move db/etcd aside on {server}, then join again.',
    source: 'etcd membership/cluster.go, bootstrap.go',
    steps: ['aside', 'rejoin'],
    example:
      '{"level":"fatal","msg":"error validating peerURLs {ClusterID:7c2f Members:[]} : member count is unequal"}',
    also: ['PeerURLs: no match found for existing member (a1b2, [https://10.0.0.9:2380])'],
  },
  {
    id: '19',
    title: 'A new database was started under an old membership',
    patterns: ['member [0-9a-f]+ has already been bootstrapped'],
    severity: 'error',
    means: 'The data of this member is gone, but the cluster still lists it.',
    doThis: 'Stop {server}, remove its stale member (delete its Node), move db/etcd aside, join again.',
    source: 'etcd bootstrap.go',
    steps: ['aside', 'rejoin'],
    example:
      '{"level":"fatal","msg":"discovery failed","error":"member 24308fb88dd84fe7 has already been bootstrapped"}',
  },
  {
    id: '20',
    title: 'A peer is not reachable',
    patterns: ['failed to (?:reach the peer URL|get version)'],
    severity: 'info',
    means: 'That peer is down. Entry 3 tells more.',
    doThis: 'Look at the host named in the line; {server} itself is fine.',
    source: 'etcd cluster_util.go; #7841',
    example:
      '{"level":"warn","caller":"etcdserver/cluster_util.go:294","msg":"failed to reach the peer URL","address":"https://10.77.0.12:2380/version","remote-member-id":"24308fb88dd84fe7","error":"dial tcp 10.77.0.12:2380: connect: connection refused"}',
  },
];
