import { EXIT, ProblemError } from '../base/problem.js';
import { Secret } from '../base/secret.js';
import type { BucketConfig } from './bucket.js';

/**
 * Credentials as the AWS SDK finds them by itself: a profile of the shared config files, or, without one, `AWS_*` variables, shared config, or
 * what the machine it runs on is given. Throws {@link ProblemError} `bucket-credentials`.
 */
export async function findCredentials(region: string, profile?: string): Promise<BucketConfig['credentials']> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const { S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ region, ...(profile === undefined ? {} : { profile }) });
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
    return {
      accessKeyId: new Secret(accessKeyId),
      secretAccessKey: new Secret(secretAccessKey),
      ...(sessionToken === undefined ? {} : { sessionToken: new Secret(sessionToken) }),
    };
  } catch (cause) {
    throw new ProblemError(
      {
        id: 'bucket-credentials',
        what:
          profile === undefined
            ? 'The bucket has no credentials in the inventory, and none were found in AWS_* variables or the AWS shared config.'
            : `The profile ${profile} of the AWS shared config gives no credentials.`,
        left: 'Nothing was changed.',
        next: 'Name them: bucket: { credentials: { accessKeyId: env:S3_ACCESS_KEY, secretAccessKey: env:S3_SECRET_KEY } }',
      },
      EXIT.usage,
      { cause },
    );
  } finally {
    client.destroy();
  }
}
