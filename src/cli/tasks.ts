import type { TasksPort } from '../runner/ports.js';

/** Sends each task to the desk that does it, by the first part of its name (`backup.fetch`, `survivor.read`). */
export const tasksOf = (desks: Readonly<Record<string, TasksPort>>): TasksPort => ({
  run: (task, signal, progress) => {
    const desk = desks[task.task.split('.')[0] ?? ''];
    if (desk === undefined) throw new Error(`nobody does the task ${task.task}`);
    return desk.run(task, signal, progress);
  },
});
