import type { HostFacts, ServiceFacts } from '../../src/incident/facts.js';

/** What a healthy server's survey finds, for tests that change one thing of it. */
export const k3sService: ServiceFacts = {
  path: '/usr/local/bin/k3s',
  version: 'v1.35.0+k3s1',
  unit: {
    load: 'loaded',
    active: 'active',
    sub: '',
    enabled: 'enabled',
    restarts: 0,
    crashLoop: false,
    activeSince: null,
  },
  args: [],
  clusterInit: false,
  etcdS3: false,
  clusterReset: false,
  configFiles: [],
  problems: [],
  tokenHash: '90a69bb34d8c',
};

export const serverFacts: HostFacts = {
  reachable: true,
  latencyMs: 4,
  clockOffsetMs: 100,
  diskFree: 40e9,
  service: k3sService,
  data: { datastore: 'etcd', dbBytes: 1e6, resetFlag: false, tombstone: false, mountPoint: false, aside: [] },
};
