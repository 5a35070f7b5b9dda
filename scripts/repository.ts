// Where the project is published: one place for links in the chart and in alerts.

export const REPOSITORY = 'https://github.com/zak905/kube-ecr-secrets-operator';
/** The branch that CI runs for, and that links lead to. */
export const BRANCH = 'main';
export const DOCS = `${REPOSITORY}/blob/${BRANCH}/docs`;
