// React chooses its build when it is loaded, so this comes before anything else is.
process.env.NODE_ENV ??= 'production';

const { run } = await import('./program.js');
process.exitCode = await run(process.argv.slice(2));
