terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7, < 9"
    }
    # API Gateway and the load balancer's door to it are in the beta provider only.
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 7, < 9"
    }
  }
}
