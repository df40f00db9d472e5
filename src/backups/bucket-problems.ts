import { inertLine } from '../base/inert.js';
import { EXIT, type Problem, ProblemError } from '../base/problem.js';
import type { BucketConfig } from './bucket.js';

interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  readonly Region?: string;
  readonly ServerTime?: string;
}

const TLS = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_|ERR_TLS_CERT|DEPTH_ZERO|HOSTNAME_MISMATCH/;
const UNREACHABLE =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|EPIPE|TimeoutError|socket hang up/;

/** What the SDK or the network threw, in the operator's words. An abort is passed on as it is. */
export function bucketProblem(thrown: unknown, config: BucketConfig, key?: string): unknown {
  if (thrown instanceof ProblemError) return thrown;
  const error = (thrown ?? {}) as SdkError;
  if (error.name === 'AbortError') return thrown;
  const code = `${error.name ?? ''} ${error.code ?? ''} ${(error.cause as SdkError | undefined)?.code ?? ''}`;
  const problem = judge(error, code, config, key);
  const through = config.through === undefined ? '' : ` through ${config.through}`;
  const where = `${config.bucket} at ${config.endpoint ?? `AWS ${config.region}`}${through}${key === undefined ? '' : `, ${key}`}`;
  return new ProblemError(
    { left: 'Nothing was changed.', where: inertLine(where, 500), ...problem },
    EXIT.unreachable,
    { cause: thrown },
  );
}

function judge(error: SdkError, code: string, config: BucketConfig, key: string | undefined): Problem {
  const status = error.$metadata?.httpStatusCode;
  const said = inertLine(error.message ?? '', 200);
  if (/RequestTimeTooSkewed/.test(code)) return skewed(error);
  if (/NoSuchBucket/.test(code)) {
    return {
      id: 'bucket-missing',
      what: `The bucket ${config.bucket} does not exist there.`,
      next: 'Correct bucket or endpoint in the inventory; give another source (a folder, a server) if the storage was lost.',
    };
  }
  if (/SignatureDoesNotMatch/.test(code)) {
    return {
      id: 'bucket-wrong-key',
      what: 'The storage refused the signature: the secret key is wrong.',
      next: 'Check the source of the secret access key in the inventory, also for a stray space or newline.',
    };
  }
  if (/InvalidAccessKeyId|InvalidToken|ExpiredToken/.test(code)) {
    return {
      id: 'bucket-wrong-key',
      what: `The storage does not accept this access key: ${said}.`,
      next: 'Check the source of the access key in the inventory; a session token may have expired.',
    };
  }
  const region = error.Region ?? error.$response?.headers?.['x-amz-bucket-region'];
  if (
    /PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint/.test(code) ||
    status === 301 ||
    status === 307
  ) {
    const other = region ?? /expecting '([a-z0-9-]+)'/.exec(error.message ?? '')?.[1];
    return {
      id: 'bucket-region',
      what: `The bucket is in another region${other === undefined ? '' : `: ${inertLine(other, 60)}`}.`,
      next: `Set region${other === undefined ? '' : ` to ${inertLine(other, 60)}`} in the inventory (now ${config.region}).`,
    };
  }
  if (/NoSuchKey|NotFound/.test(code) || (status === 404 && key !== undefined)) {
    return {
      id: 'backup-missing',
      what: 'The backup is not there any more.',
      next: 'List the backups again and choose another one: retention may have removed it.',
    };
  }
  if (/PreconditionFailed/.test(code) || status === 412) {
    return {
      id: 'backup-changed',
      what: 'The backup was replaced while it was being fetched.',
      next: 'List the backups again, then fetch it from the beginning.',
    };
  }
  if (/AccessDenied|AllAccessDisabled|Forbidden/.test(code) || status === 403) {
    return {
      id: 'bucket-denied',
      what: 'The storage denies access with this key.',
      next: 'Give the key the rights s3:ListBucket on the bucket and s3:GetObject on its content, or use another key.',
    };
  }
  if (TLS.test(code)) {
    return {
      id: 'bucket-tls',
      what: `The storage's certificate is not trusted: ${said}.`,
      next: "Give the storage's CA file in the inventory (bucket.ca), and the name that stands in its certificate as endpoint.",
    };
  }
  if (/EPROTO|HPE_INVALID/.test(code)) {
    return {
      id: 'bucket-tls',
      what: 'The storage does not speak what the endpoint says: http and https were mixed up.',
      next: 'Correct http:// or https:// of the endpoint in the inventory.',
    };
  }
  if (UNREACHABLE.test(code) || UNREACHABLE.test(error.message ?? '')) {
    return {
      id: 'bucket-unreachable',
      what: `The storage cannot be reached: ${said || code.trim()}.`,
      next:
        config.through === undefined
          ? 'Check endpoint and network. Where a node still reaches it, say bucket: { through: any } in the inventory; else use a folder on this machine (snapshots:) or a snapshot on a server.'
          : 'Check the endpoint, and that this node reaches it; else use a folder on this machine (snapshots:) or a snapshot on a server.',
    };
  }
  return {
    id: 'bucket-failed',
    what: `The storage answered with an error: ${said || code.trim()}${status === undefined ? '' : ` (HTTP ${status})`}.`,
    next: 'Try again; if it stays so, look at the storage, or use another source.',
  };
}

function skewed(error: SdkError): Problem {
  const server = Date.parse(error.ServerTime ?? error.$response?.headers?.date ?? '');
  const apart = Number.isNaN(server) ? undefined : Math.round((Date.now() - server) / 1000);
  const words =
    apart === undefined
      ? 'too far'
      : `${Math.abs(apart) >= 120 ? `${Math.round(Math.abs(apart) / 60)} minutes` : `${Math.abs(apart)} seconds`} ${apart > 0 ? 'ahead of' : 'behind'} the storage's`;
  return {
    id: 'bucket-clock',
    what: `This machine's clock is ${words}, so the storage refuses its requests.`,
    next: 'Set the clock (chronyc makestep or timedatectl set-ntp true) on whichever of the two is wrong, then try again.',
  };
}
