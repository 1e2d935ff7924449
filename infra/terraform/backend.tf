# The bucket is made before the first `terraform init` (README.md) and given to it:
#   terraform init -backend-config=bucket=tok-terraform-state-<project id>
terraform {
  backend "gcs" {
    prefix = "tok"
  }
}
