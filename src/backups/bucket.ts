import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Secret } from '../base/secret.js';

/** An S3-compatible bucket, as plain data: it goes to a worker by message. */
export interface BucketConfig {
  /** `https://minio.example:9000`; `undefined` for AWS itself. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  /** Folder the backups lie below, with or without a slash at its end. */
  readonly prefix: string;
  readonly pathStyle: boolean;
  /** PEM of the certificate authority, where it is not a public one. */
  readonly ca?: string;
  readonly credentials: {
    readonly accessKeyId: Secret;
    readonly secretAccessKey: Secret;
    readonly sessionToken?: Secret;
  };
  /** Where connections really go, such as the near end of an SSH forward; host name and certificate stay the endpoint's. */
  readonly connectTo?: { readonly host: string; readonly port: number };
  /** The node connections go through, for messages. */
  readonly through?: string;
  /** Tries per request, 3 by default: fewer make a refused connection show sooner. */
  readonly attempts?: number;
}

/** A client and the SDK's commands; `close` ends its connections. */
export interface Bucket {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
  close(): void;
}

/** Makes a client. The SDK is loaded here and nowhere else: it is the largest thing this program has, and most runs do without. */
export async function openBucket(config: BucketConfig): Promise<Bucket> {
  // The program brings its own Node; the SDK's word about old ones on standard error would only be in the way.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const { accessKeyId, secretAccessKey, sessionToken } = config.credentials;
  const agents = makeAgents(config);
  const client = new sdk.S3Client({
    region: config.region,
    forcePathStyle: config.pathStyle,
    maxAttempts: config.attempts ?? 3,
    // Stores other than AWS often lack the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { ...agents, connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
    credentials: {
      accessKeyId: accessKeyId.reveal(),
      secretAccessKey: secretAccessKey.reveal(),
      ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
    },
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
  });
  const close = (): void => {
    client.destroy();
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
  };
  return { sdk, client, close };
}

/** `prefix/` or nothing. */
export function folderOf(config: BucketConfig): string {
  const bare = config.prefix.replace(/^\/+|\/+$/g, '');
  return bare === '' ? '' : `${bare}/`;
}

function makeAgents(config: BucketConfig): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const { connectTo: to } = config;
  const options = { keepAlive: true, maxSockets: 8, ...(config.ca === undefined ? {} : { ca: config.ca }) };
  const httpAgent = new HttpAgent(options);
  const httpsAgent = new HttpsAgent(options);
  if (to !== undefined) {
    for (const agent of [httpAgent, httpsAgent]) {
      const plain = agent.createConnection.bind(agent);
      agent.createConnection = (given, done) => plain({ ...given, host: to.host, port: to.port }, done);
    }
  }
  return { httpAgent, httpsAgent };
}
