/** BullMQ declares its scripts beside the modules for bundlers only; these are the same for Node. */
declare module "bullmq/dist/cjs/scripts/addStandardJob-9.js" {
  export const addStandardJob: { name: string; content: string; keys: number };
}
declare module "bullmq/dist/cjs/scripts/moveToActive-11.js" {
  export const moveToActive: { name: string; content: string; keys: number };
}
declare module "bullmq/dist/cjs/scripts/moveToFinished-14.js" {
  export const moveToFinished: { name: string; content: string; keys: number };
}
