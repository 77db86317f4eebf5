{{/* The Deployment of one role. Takes a dict: root (the chart's context) and role. */}}
{{- define "lineal.deployment" -}}
{{- $root := .root -}}
{{- $role := .role -}}
{{- $values := index $root.Values $role -}}
{{- $stateful := has $role (splitList " " (include "lineal.statefulRoles" $root)) -}}
{{- $drain := int $root.Values.config.server.drain_seconds -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "lineal.fullname" $root }}-{{ $role }}
  labels:
    {{- include "lineal.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $role }}
spec:
  replicas: {{ $values.replicas }}
  strategy:
    {{- if $stateful }}
    # Two pods must never have the same SQLite file open.
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
    {{- end }}
  selector:
    matchLabels:
      {{- include "lineal.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ $role }}
  template:
    metadata:
      labels:
        {{- include "lineal.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $role }}
      annotations:
        # A changed configuration is a new pod.
        checksum/config: {{ include "lineal.config" $root | sha256sum }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "lineal.fullname" $root }}-{{ $role }}
      automountServiceAccountToken: false
      # Services are found by name; the variables Kubernetes would add start with LINEAL_ too.
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile:
          type: RuntimeDefault
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # drain_seconds, and 10 for preStop and to close what is open.
      terminationGracePeriodSeconds: {{ add $drain 10 }}
      {{- if not $stateful }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "lineal.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ $role }}
          # Counts the new pods of an update apart from the old ones.
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- end }}
      containers:
        - name: {{ $role }}
          {{- include "lineal.container" (dict "root" $root "role" $role "values" $values "stateful" $stateful) | nindent 10 }}
      volumes:
        - name: config
          configMap:
            name: {{ include "lineal.fullname" $root }}
        - name: data
          {{- if $stateful }}
          persistentVolumeClaim:
            claimName: {{ default (printf "%s-%s" (include "lineal.fullname" $root) $role) $values.persistence.existingClaim }}
          {{- else }}
          emptyDir:
            sizeLimit: {{ $values.cache.sizeLimit }}
          {{- end }}
        - name: tmp
          emptyDir: {}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
