"""The main job, shown: kubectl exec starves beside a real-time loop, oc nsexec answers and the loop notices nothing."""
