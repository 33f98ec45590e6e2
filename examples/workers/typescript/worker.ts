// A worker for Node.js 20 or later, without packages: node worker.js QUEUE [CAPABILITY]...
// worker.js is what tsc makes of this file (with @types/node); from 22.18 on Node.js runs it as it is: node worker.ts
//
// Does the tasks `resize` and `look` of images.yaml. RECOURSE_SERVER says where the server is, RECOURSE_TOKEN is a token with the role
// worker. Ends on SIGTERM, when what it has begun is reported.
type Task = { lease: string; task: string; input: unknown; idempotency_key: string; lease_ms: number };
type Result = { lease: string; outcome: string; output?: unknown; error?: string; retry_after?: number };

const server = process.env.RECOURSE_SERVER ?? "http://127.0.0.1:7070";
const token = process.env.RECOURSE_TOKEN;
let stopping = false;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

// Status 0 where no answer came.
async function post(path: string, body: unknown): Promise<{ status: number; answer: any }> {
  try {
    const response = await fetch(server + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(40_000),
    });
    return { status: response.status, answer: await response.json() };
  } catch (problem) {
    return { status: 0, answer: { detail: String(problem) } };
  }
}

// Until the server has heard it, or does not want to: 409 says that the lease is over, and the task is forgotten.
async function report(result: Result): Promise<void> {
  for (;;) {
    const { status, answer } = await post("/v1/work/report", { results: [result] });
    if (status === 200 || (status >= 400 && status < 500 && status !== 429)) return;
    console.error(`report: ${answer.detail}`);
    await sleep(1000);
  }
}

const tasks: Record<string, (task: Task) => Promise<unknown>> = {
  // the same key in every attempt: with it a second one finds what the first has made
  resize: async (task) => ({ url: `http://images/${task.idempotency_key}`, there: true }),
  look: async () => ({ url: "", there: false }),
};

async function work(task: Task): Promise<void> {
  const beats = setInterval(() => void post("/v1/work/heartbeat", { heartbeats: [{ lease: task.lease }] }), task.lease_ms / 3);
  let result: Result;
  try {
    const run = Object.hasOwn(tasks, task.task) ? tasks[task.task] : undefined;
    result = run
      ? { lease: task.lease, outcome: "succeeded", output: await run(task) }
      : { lease: task.lease, outcome: "failed", error: "this worker does not know the task", retry_after: 30 };
  } catch (problem) {
    // it may have happened in part: the step's check finds out
    result = { lease: task.lease, outcome: "unknown", error: String(problem).slice(0, 1000) };
  }
  clearInterval(beats);
  await report(result);
}

async function main(queue: string, capabilities: string[]): Promise<void> {
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => (stopping = true));
  while (!stopping) {
    const ask = { queues: [queue], capabilities, worker: `node-${process.pid}` };
    const { status, answer } = await post("/v1/work/lease?wait=5s", ask);
    if (status !== 200) {
      console.error(`lease: ${answer.detail}`);
      await sleep(2000);
      continue;
    }
    for (const task of answer.tasks) await work(task);
    if (answer.draining) await sleep(2000);
  }
}

main(process.argv[2] ?? "images", process.argv.slice(3));
